import { examine } from '../../doctor/doctor.ts'
import { cleanLine } from '../../report/clean-line.ts'
import { builtInTasks } from '../built-in-tasks.ts'
import { bytesDisplay } from '../bytes-display.ts'
import { type Command, type GlobalOptions, wantsColor } from '../command.ts'
import { examinationJson, examinationText, exitCodeOfExamination } from '../examination-text.ts'
import { exitCodes } from '../exit-codes.ts'
import { mustKnow, openLab } from '../lab.ts'
import { openSession } from '../session.ts'
import { wantedByLab } from '../wanted-by-lab.ts'

type DoctorOptions = GlobalOptions & {
  readonly on?: readonly string[]
  readonly full?: boolean
  readonly json?: boolean
}

export default {
  configure: (program) =>
    program
      .option('--on <node...>', 'these hosts alone; for a VM its hypervisor')
      .option('--full', 'read the whole bundle as well, not only names and sizes')
      .option('--json', 'as JSON')
      .addHelpText(
        'after',
        `
Looks at the bundle, at the hypervisor (libvirt, KVM, tools, memory, disk, address ranges, clock) and at each machine that
exists already, all at once. Nothing is changed or installed anywhere. A line with warn is no obstacle; one with fail is,
and the line below says what cures it. The cheap ones of these looks are part of each \`kedge run\` that makes a lab.

Exit code: 0 nothing fails, 5 a host is not fit, 4 a host is unreachable, 7 only the bundle is at fault.

Examples:
  kedge doctor
  kedge doctor --on pi-1 pi-2
  kedge doctor --full --json
`,
      ),

  async run(terminal, _words, options: DoctorOptions) {
    const lab = openLab(terminal, options)
    const { topology } = lab
    mustKnow('node', options.on ?? [], ['hypervisor', ...topology.nodes.map(({ name }) => name)])
    const session = await openSession(terminal, lab)
    const progress = bytesDisplay(terminal, options, 'reading the bundle')
    try {
      const isForKubernetes = builtInTasks(lab).size > 0
      const full = { signal: terminal.signal, onProgress: progress.show }
      const groups = await examine(
        {
          ...session.surroundings,
          isForKubernetes,
          bundle: {
            place: lab.bundle,
            wanted: isForKubernetes ? await wantedByLab(lab) : [],
            ...(options.full ? { full } : {}),
          },
        },
        {
          ...(options.on ? { on: options.on } : {}),
          signal: terminal.signal,
          now: Date.now,
          onOutput: (host, line) => options.verbose && terminal.error(`${host}: ${cleanLine(line)}\n`),
        },
      ).catch((error) => {
        if (!terminal.signal.aborted) throw error
      })
      progress.end()
      if (!groups || terminal.signal.aborted) return exitCodes.interrupted
      const color = wantsColor(terminal, options)
      terminal.write(
        options.json ? examinationJson(topology.lab, groups) : examinationText(topology.lab, groups, color),
      )
      return exitCodeOfExamination(groups)
    } finally {
      await session.close()
    }
  },
} satisfies Command

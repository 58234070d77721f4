/**
 * The smallest program that a sandbox needs: a static ELF file that waits for ever. The runtime really runs it, so the
 * pause image has to hold machine code, and no compiler is at hand where the lab is built.
 */
export function pauseProgram(architecture: 'amd64' | 'arm64'): Uint8Array {
  const code =
    architecture === 'amd64'
      ? // again: mov eax, 34 (pause); syscall; jmp again
        [0xb8, 0x22, 0x00, 0x00, 0x00, 0x0f, 0x05, 0xeb, 0xf7]
      : // again: mov x0..x3, 0; mov x8, 73 (ppoll); svc 0; b again
        [
          0x00, 0x00, 0x80, 0xd2, 0x01, 0x00, 0x80, 0xd2, 0x02, 0x00, 0x80, 0xd2, 0x03, 0x00, 0x80, 0xd2, 0x28, 0x09,
          0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4, 0xfa, 0xff, 0xff, 0x17,
        ]
  const headers = 64 + 56
  const file = new Uint8Array(headers + code.length)
  const view = new DataView(file.buffer)
  const base = 0x400000n
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  view.setUint16(16, 2, true) // an executable
  view.setUint16(18, architecture === 'amd64' ? 62 : 183, true)
  view.setUint32(20, 1, true)
  view.setBigUint64(24, base + BigInt(headers), true) // where it starts
  view.setBigUint64(32, 64n, true) // program headers follow at once
  view.setUint16(52, 64, true)
  view.setUint16(54, 56, true)
  view.setUint16(56, 1, true)
  view.setUint32(64, 1, true) // one segment to load,
  view.setUint32(68, 5, true) // readable and executable
  view.setBigUint64(80, base, true)
  view.setBigUint64(88, base, true)
  view.setBigUint64(96, BigInt(file.length), true)
  view.setBigUint64(104, BigInt(file.length), true)
  view.setBigUint64(112, 0x1000n, true)
  file.set(code, headers)
  return file
}

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { report } from '../../../lib/report/report.ts'
import { joinRefused } from '../sample-labs.ts'
import { openBrowser, type Page } from './browser.ts'
import { gridRun } from './grid-run.ts'
import { hostileRun, readable } from './hostile-run.ts'
import { referenceRun } from './reference-run.ts'

setDefaultTimeout(600_000)

const folder = mkdtempSync(join(tmpdir(), 'kedge-page-'))
const pages = { lab: join(folder, 'lab.html'), grid: join(folder, 'grid.html'), hostile: join(folder, 'hostile.html') }
let page: Page
/** What a test itself had the page ask for. */
const forbidden: string[] = []

beforeAll(async () => {
  const lab = referenceRun({ failing: { 'join-edge@edge-2': joinRefused('edge-2', '192.168.24.9') } })
  const against = referenceRun({ jobs: 1, id: 'another' }).record
  const grid = gridRun(200)
  const hostile = hostileRun()
  await Bun.write(pages.lab, report(lab.record, lab.facts, 'html', { logs: () => lab.logs, against }))
  await Bun.write(pages.grid, report(grid.record, grid.facts, 'html'))
  await Bun.write(pages.hostile, report(hostile.record, hostile.facts, 'html', { logs: () => hostile.logs }))
  page = await openBrowser()
})
afterAll(async () => {
  await page?.close()
  rmSync(folder, { recursive: true, force: true })
})

const dialogText = () => page.evaluate<string>("document.querySelector('dialog[open]')?.innerText ?? ''")
const isOpen = () => page.evaluate<boolean>("document.querySelector('dialog').open")
/** The instance whose bar, or the task whose box, has the focus. */
const focused = () =>
  page.evaluate<string>(
    "(({ dataset }) => dataset.task ?? (dataset.i === undefined ? '' : JSON.parse(document.getElementById('instances').textContent)[dataset.i].id))(document.activeElement)",
  )
const tabTo = async (selector: string) => {
  for (let tabs = 0; tabs < 40; tabs++) {
    await page.press('Tab')
    if (await page.evaluate<boolean>(`document.activeElement.matches(${JSON.stringify(selector)})`)) return
  }
  throw new Error(`no Tab reaches ${selector}`)
}
const barOf = (id: string) =>
  page.evaluate<string>(
    `'.row[data-node] .bar[data-i="' + JSON.parse(document.getElementById('instances').textContent).findIndex(({ id }) => id === ${JSON.stringify(id)}) + '"]'`,
  )

describe('the page of a lab', () => {
  beforeAll(() => page.open(pages.lab))

  test('a click on a bar shows what it printed, Escape closes that, and the focus is where it was', async () => {
    const bar = await barOf('init-cluster@master')
    await page.click(bar)
    expect(await dialogText()).toContain('init-cluster@master')
    expect(await dialogText()).toContain('this is what init-cluster would print on master')
    expect(await dialogText()).toContain('.kedge/paper/runs/simulated/init-cluster@master.log')
    await page.press('Escape')
    expect(await isOpen()).toBe(false)
    expect(await page.evaluate(`document.activeElement === document.querySelector('${bar}')`)).toBe(true)
  })

  test('the keyboard alone does the same', async () => {
    await page.evaluate('document.activeElement.blur()')
    await page.open(pages.lab)
    await tabTo('.bar')
    expect(await focused()).toBe('create-networks@hypervisor')
    await page.press('ArrowDown')
    expect(await focused()).toBe('create-networks@hypervisor')
    await page.press('ArrowDown')
    expect(await focused()).toBe('create-vms@master')
    await page.press('ArrowRight')
    expect(await focused()).not.toBe('create-vms@master')
    await page.press('Home')
    expect(await focused()).toBe('create-vms@master')
    await page.press('ArrowDown')
    expect(await focused()).toBe('create-vms@worker')
    await page.press('ArrowUp')
    await page.press('End')
    expect(await focused()).toBe('verify@master')
    await page.press('ArrowLeft')
    expect(await focused()).toBe('get-token@master')
    await page.press('Enter')
    expect(await dialogText()).toContain('this is what get-token would print on master')
    await page.press('Escape')
    expect(await isOpen()).toBe(false)
    expect(await focused()).toBe('get-token@master')
    // All bars are one stop: the next Tab is past them, and Shift and Tab come back to the same bar.
    await page.press('Tab')
    expect(await page.evaluate("document.activeElement.closest('#time-line')")).toBe(null)
    await page.press('Tab', { shift: true })
    expect(await focused()).toBe('get-token@master')
  })

  test('where the focus is can be seen', async () => {
    const thickness = () =>
      page.evaluate<number>(
        "Number.parseFloat(getComputedStyle(document.activeElement.querySelector('rect')).strokeWidth)",
      )
    expect(await focused()).toBe('get-token@master')
    expect(await thickness()).toBe(6)
    await tabTo('button.link')
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid')
  })

  test('a failure says its command, cause and cure', async () => {
    await page.click(await barOf('join-edge@edge-2'))
    for (const text of [
      'keadm join --cloudcore-ipport',
      'exit code',
      'token is expired',
      'kedge run get-token --force',
    ])
      expect(await dialogText()).toContain(text)
    await page.press('Escape')
  })

  test('the graph leads to where a task ran, and from there to the log', async () => {
    await page.click('.box[data-task="join-edge"]')
    expect(await dialogText()).toContain('edge-2 failed after')
    await page.click('dialog li button')
    expect(await dialogText()).toContain('this is what join-edge would print on edge-1')
    await page.press('Escape')
    expect(await focused()).toBe('join-edge')
    await page.press('ArrowUp')
    expect(await focused()).toBe('send-token')
  })

  test('the critical path is marked in the time line, as a row of its own, in the graph and as a list', async () => {
    const counts = await page.evaluate(
      "['.row[data-node] .critical', '.path-row .path', '.path-list li'].map((each) => document.querySelectorAll(each).length)",
    )
    expect(counts).toEqual([12, 12, 12])
    expect(await page.evaluate("document.querySelectorAll('.box.critical').length")).toBe(12)
  })

  test('what waited for a job, and what waited for another node, is drawn', async () => {
    const titles = (selector: string) =>
      page.evaluate<string[]>(`[...document.querySelectorAll('${selector} title')].map((one) => one.textContent)`)
    expect(await titles('.queue')).toContain('load-images@master was ready and waited for a free job')
    expect(await titles('.row[data-node=edge-1] .pause')).toContain('waits for get-token@master')
  })

  test('dark and light: as the system says, and as the switch says', async () => {
    const paper = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
    await page.prefersDark(false)
    expect(await paper()).toBe('rgb(255, 255, 255)')
    await page.prefersDark(true)
    expect(await paper()).toBe('rgb(20, 23, 28)')
    await page.click('#theme')
    await page.click('#theme')
    expect(await page.evaluate("document.getElementById('theme').textContent")).toBe('colours: light')
    expect(await paper()).toBe('rgb(255, 255, 255)')
    await page.prefersDark(false)
    await page.click('#theme')
    await page.click('#theme')
    expect(await paper()).toBe('rgb(20, 23, 28)')
    await page.click('#theme')
    await page.click('#theme')
  })

  test('rows are found by name and by failure; arrow keys leave out what is hidden', async () => {
    const shown = () =>
      page.evaluate<string[]>(
        "[...document.querySelectorAll('.row[data-node]:not([hidden])')].map((row) => row.dataset.node)",
      )
    await page.click('#filter')
    for (const key of 'edge') await page.press(key)
    expect(await shown()).toEqual(['edge-1', 'edge-2'])
    await page.click('#only-failed')
    expect(await shown()).toEqual(['edge-2'])
    expect(await page.evaluate("document.getElementById('shown').textContent")).toBe('1 of 5 rows')
    await tabTo('.bar')
    await page.press('ArrowDown')
    expect(await focused()).toEndWith('@edge-2')
    await page.open(pages.lab)
  })

  test('zoomed, the time line is wider than its frame, and names of short bars are seen', async () => {
    const widths = () =>
      page.evaluate<[number, number]>(
        "(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth])(document.getElementById('time-line'))",
      )
    const [before, frame] = await widths()
    expect(before).toBe(frame)
    await page.click('#zoom-in')
    await page.click('#zoom-in')
    expect((await widths())[0]).toBeGreaterThan(3.5 * frame)
    await page.click('#zoom-fit')
    expect((await widths())[0]).toBe(frame)
  })

  test('a screen reader has a role and a name for each', async () => {
    expect(await page.accessible(await barOf('join-edge@edge-2'))).toEqual({
      role: 'button',
      name: 'join-edge@edge-2: failed after 16 s: keadm join ended with 1 on edge-2',
    })
    expect(await page.accessible('.box[data-task="verify"]')).toEqual({
      role: 'button',
      name: 'verify: 3 nodes · 8.0 s; on the critical path',
    })
    expect(await page.accessible('#zoom-in')).toEqual({ role: 'button', name: 'zoom in' })
    await page.click(await barOf('create-vms@master'))
    expect(await page.accessible('dialog')).toEqual({ role: 'dialog', name: 'create-vms@master' })
    await page.press('Escape')
  })

  test('on paper nothing is cut off, and nothing is there that only a screen can do', async () => {
    await page.prefersDark(true)
    await page.printed(true)
    const looks = await page.evaluate(
      "[getComputedStyle(document.getElementById('time-line')).overflow, getComputedStyle(document.getElementById('controls')).display, getComputedStyle(document.querySelector('.table')).maxHeight, getComputedStyle(document.body).backgroundColor]",
    )
    expect(looks).toEqual(['visible', 'none', 'none', 'rgb(255, 255, 255)'])
    expect((await page.pdf()).subarray(0, 5).toString()).toBe('%PDF-')
    await page.printed(false)
    await page.prefersDark(false)
  })
})

describe('whatever a node or a file says', () => {
  test('is shown, and not obeyed', async () => {
    await page.open(pages.hostile)
    // The page's own script is the one.
    const strangers = () => page.evaluate<number>("document.querySelectorAll('img, b, script:not([type])').length")
    expect(await strangers()).toBe(1)
    await page.click('.bar.failed')
    expect(await page.evaluate("document.querySelector('pre[aria-label=log]').textContent")).toBe(
      `08:00:00.000 ! ${readable}\n… left out here …\n   ${readable}\n`,
    )
    const text = await dialogText()
    expect(text.split(readable).length - 1).toBeGreaterThanOrEqual(9)
    await page.press('Escape')
    await page.click('.box')
    expect(await dialogText()).toContain(readable)
    await page.press('Escape')
    expect(await strangers()).toBe(1)
    expect(await page.evaluate('window.pwned ?? null')).toBe(null)
  })
})

describe('a lab of 200 nodes with 19 tasks on each', () => {
  test('the page is below 3 MB, and can be used', async () => {
    expect(Bun.file(pages.grid).size).toBeLessThan(3_000_000)
    await page.open(pages.grid)
    expect(await page.evaluate("document.querySelectorAll('.row[data-node] .bar').length")).toBe(3800)
    await page.click('#filter')
    for (const key of '-200') await page.press(key)
    expect(await page.evaluate("document.getElementById('shown').textContent")).toBe('1 of 200 rows')
    await page.click('.row:not([hidden]) .verification, .row[data-node="edge-200"] .bar')
    expect(await dialogText()).toContain('@edge-200')
    await page.press('Escape')
    expect(await page.accessible('.row[data-node="edge-200"] .bar')).toEqual({
      role: 'button',
      name: 'create-networks@edge-200: done in 9.3 s',
    })
  })
})

describe('the network', () => {
  test('the page cannot ask it for anything, even where a script of its own would', async () => {
    let asked = 0
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch() {
        asked += 1
        return new Response('')
      },
    })
    const before = page.complaints.length
    try {
      await page.open(pages.lab)
      const address = `http://127.0.0.1:${server.port}/`
      forbidden.push(address)
      const outcome = await page.evaluate(
        `fetch('${address}', { mode: 'no-cors' }).then(() => 'asked', () => 'refused')`,
      )
      expect(outcome).toBe('refused')
      await page.evaluate(`new Promise((resolve) => {
        const image = new Image()
        image.onload = image.onerror = resolve
        image.src = '${address}'
      })`)
      await page.evaluate(`(() => {
        const script = document.createElement('script')
        script.textContent = 'window.pwned = 3'
        document.body.append(script)
      })()`)
      expect(await page.evaluate('window.pwned ?? null')).toBe(null)
      expect(asked).toBe(0)
      // The browser says of each that the page's policy forbids it.
      expect(page.complaints.length - before).toBeGreaterThanOrEqual(3)
      page.complaints.splice(before)
    } finally {
      await server.stop(true)
    }
  })

  test('in all of this nothing but the pages was asked for, and the browser had nothing to complain of', () => {
    const known = [...Object.values(pages).map((path) => Bun.pathToFileURL(path).href), ...forbidden]
    expect(page.requests.filter((address) => !known.includes(address))).toEqual([])
    expect(page.complaints).toEqual([])
  })
})

// The report's page: what a click or a key does. Texts of nodes reach the page as text alone, never as HTML.
const byId = (id) => document.getElementById(id)
const instances = JSON.parse(byId('instances').textContent)

const element = (name, className, ...children) => {
  const made = document.createElement(name)
  if (className) made.className = className
  made.append(...children)
  return made
}

// Colours: as the system, dark, light.
const themes = ['system', 'dark', 'light']
const names = { system: 'as the system', dark: 'dark', light: 'light' }
let theme = 'system'
const remembered = () => {
  try {
    return localStorage.getItem('kedge-report-theme')
  } catch {
    return null
  }
}
const showTheme = (wanted) => {
  theme = themes.includes(wanted) ? wanted : 'system'
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
  byId('theme').textContent = `colours: ${names[theme]}`
}
showTheme(remembered())
byId('theme').hidden = false
byId('theme').addEventListener('click', () => {
  showTheme(themes[(themes.indexOf(theme) + 1) % themes.length])
  try {
    localStorage.setItem('kedge-report-theme', theme)
  } catch {
    // Some browsers keep nothing for pages from a file.
  }
})

// The dialog with what an instance printed, or where a task ran.
const dialog = byId('dialog')
const open = (title, ...content) => {
  byId('dialog-head').textContent = title
  byId('dialog-body').replaceChildren(...content)
  if (!dialog.open) dialog.showModal()
  byId('close').focus()
}
dialog.addEventListener('click', (event) => {
  if (event.target === dialog) dialog.close()
})

const kinds = { $: 'command', '!': 'stderr', '#': 'note', ' ': 'stdout' }
const logLine = (line) => {
  const [, time, mark, text] = /^\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d\.\d+)Z ([$ !#]) (.*)$/s.exec(line) ?? [
    null,
    '',
    ' ',
    line,
  ]
  return element('span', kinds[mark], element('span', 'time', `${time} `), `${mark} ${text}\n`)
}
const logOf = (index) => {
  const data = byId(`log-${index}`)
  const hasRun = instances[index].facts.some(([name]) => name === 'whole log')
  if (!data) return [element('p', 'help', hasRun ? 'Its log is not there any more.' : 'It printed nothing.')]
  const { note, head, tail } = JSON.parse(data.textContent)
  const leftOut = element('span', 'left-out', '… left out here …\n')
  const text = element('pre', '', ...head.map(logLine), ...(tail ? [leftOut, ...tail.map(logLine)] : []))
  text.tabIndex = 0
  text.setAttribute('aria-label', 'log')
  return [element('p', 'help', `Log, times in UTC: ${note}`), text]
}

const openInstance = (index) => {
  const { id, words, facts, lastLines } = instances[index]
  const list = element('dl', '', ...facts.flatMap(([name, text]) => [element('dt', '', name), element('dd', '', text)]))
  const last = lastLines ? [element('p', 'help', 'Last lines'), element('pre', '', lastLines.join('\n'))] : []
  open(id, element('p', '', words), list, ...last, ...logOf(index))
}
const openTask = (task) => {
  const items = instances.flatMap((instance, index) => {
    if (instance.task !== task) return []
    const button = element('button', 'link', instance.node)
    button.type = 'button'
    button.dataset.i = index
    return [element('li', '', button, ` ${instance.words}`)]
  })
  open(task, items.length > 0 ? element('ul', 'instances', ...items) : element('p', '', 'It was not in this run.'))
}
const activate = (target) => {
  const found = target.closest('[data-i], [data-task]')
  if (!found || found.dataset.i === '') return false
  if (found.dataset.task === undefined) openInstance(Number(found.dataset.i))
  else openTask(found.dataset.task)
  return true
}
document.addEventListener('click', (event) => activate(event.target))

// One tab stop for all bars, one for all boxes; arrow keys go on from there.
const items = (container) => [...container.querySelectorAll('.bar, .box')].filter((one) => !one.closest('[hidden]'))
const stopAt = (container, item) => {
  for (const one of container.querySelectorAll('[tabindex="0"]')) one.tabIndex = -1
  if (item) item.tabIndex = 0
}
const middle = (item) => {
  const { left, right } = item.getBoundingClientRect()
  return (left + right) / 2
}
const nearest = (candidates, to) =>
  candidates.reduce((best, one) =>
    Math.abs(middle(one) - middle(to)) < Math.abs(middle(best) - middle(to)) ? one : best,
  )

/** Above or below lies what another line of the drawing holds: a row, or boxes of the same height on the page. */
const lineOf = (item) => item.closest('.row') ?? item.getAttribute('y')
const neighbour = (container, item, key) => {
  const all = items(container)
  const at = all.indexOf(item)
  if (key === 'Home') return all.find((one) => lineOf(one) === lineOf(item))
  if (key === 'End') return all.findLast((one) => lineOf(one) === lineOf(item))
  if (key === 'ArrowLeft') return all[at - 1]
  if (key === 'ArrowRight') return all[at + 1]
  const beyond = key === 'ArrowUp' ? all.slice(0, at).reverse() : all.slice(at + 1)
  const first = beyond.find((one) => lineOf(one) !== lineOf(item))
  return (
    first &&
    nearest(
      beyond.filter((one) => lineOf(one) === lineOf(first)),
      item,
    )
  )
}

const arrows = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End']
for (const container of [byId('time-line'), byId('graph')].filter(Boolean)) {
  for (const item of items(container)) {
    item.setAttribute('role', 'button')
    item.tabIndex = -1
  }
  stopAt(container, items(container)[0])
  container.addEventListener('focusin', (event) => {
    const item = event.target.closest('.bar, .box')
    if (item) stopAt(container, item)
  })
  container.addEventListener('keydown', (event) => {
    const item = event.target.closest('.bar, .box')
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault()
      activate(item)
    } else if (arrows.includes(event.key)) {
      event.preventDefault()
      neighbour(container, item, event.key)?.focus()
    }
  })
}

// Where there are very many bars, their titles are made here.
for (const bar of byId('time-line').querySelectorAll('.bar')) {
  if (bar.querySelector('title')) continue
  const { id, words } = instances[bar.dataset.i]
  const title = document.createElementNS('http://www.w3.org/2000/svg', 'title')
  title.textContent = `${id}: ${words}${bar.matches('.critical, .path') ? '; on the critical path' : ''}`
  bar.prepend(title)
}

// Which nodes are shown, and how wide.
const timeLine = byId('time-line')
const rows = timeLine.querySelector('.rows')
const nodeRows = [...timeLine.querySelectorAll('.row[data-node]')]
byId('controls').hidden = false
const filter = () => {
  const part = byId('filter').value.trim().toLowerCase()
  const onlyFailed = byId('only-failed').checked
  for (const row of nodeRows) {
    row.hidden = !row.dataset.node.toLowerCase().includes(part) || (onlyFailed && row.dataset.failed === undefined)
  }
  const count = nodeRows.filter((row) => !row.hidden).length
  const isWhole = count === nodeRows.length
  byId('shown').textContent = isWhole ? `${count} rows` : `${count} of ${nodeRows.length} rows`
  // They are drawn from row to row, which now lie elsewhere.
  timeLine.querySelector('.links').style.display = isWhole ? '' : 'none'
  const stop = timeLine.querySelector('.bar[tabindex="0"]')
  if (!stop || stop.closest('[hidden]')) stopAt(timeLine, items(timeLine)[0])
}
byId('filter').addEventListener('input', filter)
byId('only-failed').addEventListener('change', filter)
filter()

let zoom = 1
const zoomTo = (wanted) => {
  const centre = (timeLine.scrollLeft + timeLine.clientWidth / 2) / timeLine.scrollWidth
  zoom = Math.min(32, Math.max(1, wanted))
  rows.style.setProperty('--zoom', zoom)
  rows.classList.toggle('zoomed', zoom > 1)
  timeLine.scrollLeft = centre * timeLine.scrollWidth - timeLine.clientWidth / 2
}
byId('zoom-in').addEventListener('click', () => zoomTo(zoom * 2))
byId('zoom-out').addEventListener('click', () => zoomTo(zoom / 2))
byId('zoom-fit').addEventListener('click', () => zoomTo(1))

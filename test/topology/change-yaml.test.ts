import { expect, test } from 'bun:test'
import { changeYaml, yamlValue } from '../../lib/topology/change-yaml.ts'

const text = `# made by keadm
modules:
  eventBus:
    enable: true
    mqttMode: 2 # external
  edged:
    clusterDNS: []
    labels:
    - a
    version: "1.10"
    long: ${'x'.repeat(200)} ${'y'.repeat(50)}
`

test('a value at a path, or undefined', () => {
  expect(yamlValue(text, ['modules', 'eventBus', 'mqttMode'])).toBe(2)
  expect(yamlValue(text, ['modules', 'edged', 'version'])).toBe('1.10')
  for (const path of [
    ['modules', 'eventBus', 'none'],
    ['none', 'at', 'all'],
    ['modules', 'eventBus', 'enable', 'deeper'],
  ])
    expect(yamlValue(text, path)).toBeUndefined()
  expect(yamlValue('a: [1', ['a'])).toBeUndefined()
  expect(yamlValue('', ['a'])).toBeUndefined()
})

test('what is changed is changed, what is not there is made, the rest stays as it is written', () => {
  const changed = changeYaml(text, [
    [['modules', 'eventBus', 'mqttMode'], 0],
    [['modules', 'edgeHub', 'quic', 'enable'], true],
  ])
  expect(yamlValue(changed, ['modules', 'edgeHub', 'quic', 'enable'])).toBe(true)
  const kept = (from: string) =>
    from
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => !/mqttMode|^-/.test(line) && line)
  expect(kept(changed).slice(0, kept(text).length)).toEqual(kept(text))
  expect(changed).toContain('mqttMode: 0 # external\n')
})

test('JSON is YAML, and stays JSON', () => {
  const json = changeYaml('{ "modules": { "eventBus": { "mqttMode": 2 } } }\n', [
    [['modules', 'eventBus', 'mqttMode'], 0],
  ])
  expect(JSON.parse(json)).toEqual({ modules: { eventBus: { mqttMode: 0 } } })
})

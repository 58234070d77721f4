import { expect, test } from 'bun:test'
import { junit } from '../../lib/report/junit.ts'

test('one testcase a line, with what it has to show', () => {
  expect(
    junit('kedge verify bench', [
      { classname: 'edge-1', name: 'swap is off', output: 'none' },
      { classname: 'edge-1', name: 'is Ready', failure: 'node edge-1 is not Ready', seconds: 1.5 },
      { classname: 'pi', name: 'left out', skipped: 'not selected', seconds: 0.25 },
      { classname: 'pi', name: 'plain' },
    ]),
  ).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="kedge verify bench" tests="4" failures="1" errors="0" skipped="1" time="1.750">
    <testcase classname="edge-1" name="swap is off"><system-out>none</system-out></testcase>
    <testcase classname="edge-1" name="is Ready" time="1.500"><failure message="node edge-1 is not Ready"/></testcase>
    <testcase classname="pi" name="left out" time="0.250"><skipped message="not selected"/></testcase>
    <testcase classname="pi" name="plain"/>
  </testsuite>
</testsuites>
`)
})

test('whatever a node says, the file is XML, and says the same', () => {
  const hostile =
    '<a href="x">&amp; it\'s ]]> ü \u{1F600}\u0000\u0007\u001b[31mred\u001b[0m\ud800 tab\tline\r\nend\ufffe'
  const shown = '<a href="x">&amp; it\'s ]]> ü \u{1F600}red\ufffd tab\tline\r\nend'
  const text = junit(hostile, [
    { classname: hostile, name: hostile, failure: hostile },
    { classname: 'n', name: 'c', output: hostile },
  ])
  const read = Bun.spawnSync(
    [
      'python3',
      '-c',
      `import json, sys, xml.etree.ElementTree as tree
suite = tree.parse(sys.stdin.buffer).getroot()[0]
one, two = suite
print(json.dumps([suite.get('name'), one.get('classname'), one.get('name'), one[0].get('message'), two[0].text]))`,
    ],
    { stdin: Buffer.from(text) },
  )
  expect(read.stderr.toString()).toBe('')
  expect(JSON.parse(read.stdout.toString())).toEqual([shown, shown, shown, shown, shown])
})

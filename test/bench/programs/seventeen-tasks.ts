/** A lab file of 17 tasks, 15 of them in a row on every node; `edges` are lines of its `nodes`. */
export const seventeenTasks = (edges: string): string => `version: 1
lab: big
extends: none
nodes:
  m: { role: control-plane, ssh: { host: m } }
${edges}tasks:
${chain.join('')}  join: { on: control-plane, needs: [{ task: t14, on: all }], sh: 'true' }
  after: { on: nodes, needs: [join], sh: 'true' }
`

const chain = Array.from({ length: 15 }, (_, t) => {
  return `  t${t}: { on: nodes, needs: [${t > 0 ? `t${t - 1}` : ''}], sh: 'true' }\n`
})

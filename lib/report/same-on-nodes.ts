const address = /\b\d{1,3}(\.\d{1,3}){3}\b/g

/** What a text says on any node: all but the node's own name and addresses. */
export function anywhere(text: string, node: string): string {
  const named = text.includes(node) ? text.replace(nameOf(node), '<node>') : text
  return named.replace(address, '<address>')
}

const nameOf = (node: string): RegExp => new RegExp(`(?<!\\w)${node.replace(/[^\w]/g, '\\$&')}(?!\\w)`, 'g')

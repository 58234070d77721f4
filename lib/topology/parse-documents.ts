import { parseAllDocuments } from 'yaml'

/** The documents of a YAML text as plain values, empty ones left out; or the first thing that is wrong with it. */
export function parseDocuments(
  text: string,
): { readonly ok: true; readonly values: readonly unknown[] } | { readonly ok: false; readonly message: string } {
  const documents = parseAllDocuments(text)
  for (const { errors } of documents) if (errors[0]) return { ok: false, message: errors[0].message }
  return { ok: true, values: documents.map((document) => document.toJS()).filter((value) => value !== null) }
}

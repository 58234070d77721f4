import { type Check, doneIf } from '../task/task.ts'

/** What was found out; the figure shows it, or says what stands against it. */
export type Verdict = { readonly holds: boolean; readonly figure: string }

/** One line of the proof: what is claimed of a node, whether it holds, and the figure that shows it. */
export type Finding = Verdict & { readonly node: string; readonly claim: string }

/**
 * A claim that is still to be asked about, so that it can be shown as failed even where nobody answers. `ask` resolves to
 * undefined where there is nothing to claim, and rejects where the question cannot be put.
 */
export type Question = { readonly node: string; readonly claim: string; ask(): Promise<Verdict | undefined> }

/** All questions at once; rejects with the first that cannot be put. */
export async function answersTo(questions: readonly Question[]): Promise<readonly Finding[]> {
  const answers = await Promise.all(
    questions.map(async ({ node, claim, ask }) => {
      const verdict = await ask()
      return verdict && { node, claim, ...verdict }
    }),
  )
  return answers.filter((finding) => finding !== undefined)
}

/** Done where everything holds; else all that does not, in one line. */
export function verdictOn(findings: readonly Finding[]): Check {
  const failed = findings.filter(({ holds }) => !holds)
  return doneIf(failed.length === 0, failed.map(({ node, claim, figure }) => `${node} ${claim}: ${figure}`).join('; '))
}

/** Several questions that rest on the same look share it. */
export function once<T>(look: () => Promise<T>): () => Promise<T> {
  let looked: Promise<T> | undefined
  return () => {
    looked ??= look()
    return looked
  }
}

/** What `import … from 'kedge'` gives to own tasks, besides `context()`. It grows with its version and takes nothing back. */
export const apiVersion = 1
export { refused } from '../event/failure.ts'
export { type Check, done, doneIf, firstPending, pending, type Task, type TaskContext, task } from './task.ts'

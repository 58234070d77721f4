/** What `import … from 'kedge'` gives to own tasks. */
export { refused } from '../event/failure.ts'
export { type Check, done, doneIf, firstPending, pending, type Task, type TaskContext, task } from './task.ts'

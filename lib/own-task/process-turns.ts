import { totalmem } from 'node:os'
import { createTurns } from '../host/turns.ts'

const usualMiB = 64

/**
 * Of own tasks' processes. Each takes some tens of MiB before its code keeps anything, and a lab of 200 nodes asks for hundreds at once:
 * all together get a quarter of the machine's memory.
 */
export const takeProcessTurn = createTurns(Math.max(4, Math.min(64, Math.floor(totalmem() / 4 / (usualMiB * 2 ** 20)))))

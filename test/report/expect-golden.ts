import { goldenIn } from '../golden-in.ts'

export const expectGolden = goldenIn('report')

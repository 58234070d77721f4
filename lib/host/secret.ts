// Placeholder until the host package lands.
export type Secret = { readonly id: number; toString(): string; toJSON(): string }

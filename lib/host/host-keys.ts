/** A verdict on the key that a host shows. */
export type HostKeyVerdict =
  | { readonly accepted: true }
  | { readonly accepted: false; readonly message: string; readonly cure: string }

/** Decides which host may be talked to; asked before anything but the key exchange has been sent. */
export type HostKeys = {
  /** `key` is the public key's blob in SSH wire format. */
  verify(host: string, port: number, key: Buffer): HostKeyVerdict
  /** Key types on record for the host, so that no other is negotiated; undefined where none is. */
  keyTypes(host: string, port: number): readonly string[] | undefined
}

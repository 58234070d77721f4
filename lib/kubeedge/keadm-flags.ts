import { minorOf } from '../topology/compatibility.ts'

/** What differs between keadm's releases, of all that kedge says to it. Read in the source of each release, first and last patch. */
export type KeadmFlags = {
  /**
   * `keadm join --set`: not there; `exact`, where a value must have exactly the field's type, which no number has for a field of
   * a named type such as `mqttMode`; or `any`, where values are converted. What cannot be said so is written into edgecore.yaml.
   */
  readonly joinSet: 'none' | 'exact' | 'any'
  /** The chart knows `iptablesManager.framework`, and an image for nftables. */
  readonly hasIptablesFramework: boolean
  /** `keadm reset edge --remote-runtime-endpoint`; without it keadm takes what edgecore.yaml says, and containerd where there is none. */
  readonly hasResetEndpoint: boolean
}

const before = { joinSet: 'exact', hasIptablesFramework: false, hasResetEndpoint: true } as const
const since121 = { joinSet: 'any', hasIptablesFramework: true, hasResetEndpoint: true } as const

/** By KubeEdge's minor release. `--with-mqtt` is never said: off by default in all of them, gone in 1.21. */
export const keadmReleases: Readonly<Record<string, KeadmFlags>> = {
  '1.17': { joinSet: 'none', hasIptablesFramework: false, hasResetEndpoint: false },
  '1.18': { ...before, hasResetEndpoint: false },
  '1.19': before,
  '1.20': before,
  '1.21': since121,
  '1.22': since121,
  '1.23': since121,
}

/** For a version of KubeEdge, `1.21.2`. A release that the table does not have is taken for the newest one. */
export const keadmFlags = (version: string): KeadmFlags => keadmReleases[minorOf(version)] ?? since121

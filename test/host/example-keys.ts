/** Public keys and what OpenSSH's own tools make of them: ssh-keygen -l, and ssh-keygen -H for the names. */
export const first = {
  line: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILIHqUswaEZ+OViffJQ9K1Gv6rksuKLjTDOLUv64J4AV',
  fingerprint: 'SHA256:y8cEBt/fbPQO6zkHL7RSQYh5FgTGDZHoVTi64or21LI',
}
export const second = {
  line: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHizx1IzIPwwTNtsUTpe45W9TAc8k+5Em9Z+B0lJIVSg',
  fingerprint: 'SHA256:/SPEJytnjzgfbCZt+VzW0AvzaHc0zSqeljgTIPlb9lA',
}
/** `host.example`, and `[host.example]:2222`. */
export const hashedNames = {
  plain: '|1|9jy+lVqqQOyz9QNyw0kG4crwMHk=|ygYmjZafF2Lkg3HAzierxI3nNBk=',
  withPort: '|1|13WRWzNQTi10tNVyvq08NYOnAlU=|5UVrXctLsszFqdbdLK0UaFSdptE=',
}

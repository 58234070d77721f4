/*
 * A boot sector that turns on paging and 64-bit mode, asks for the CPU's name and its APIC (CPUID, RDMSR), writes one line
 * to the serial port and makes the CPU shut down, upon which QEMU ends. That is what a kernel does first; where KVM is
 * there but cannot run kernels, QEMU aborts or nothing is ever written.
 */

export const marker = 'kedge: 64-bit code runs'

const program = [
  'fa', // cli
  '66 31 c0', // xor eax, eax
  '8e d8', // mov ds, ax
  '8e c0', // mov es, ax
  'bf 00 10', // mov di, 0x1000          three pages for the page tables …
  'b9 00 18', // mov cx, 0x1800
  'f3 ab', // rep stosw                  … emptied
  'c7 06 00 10 03 20', // [0x1000] = 0x2003   level 4 → level 3
  'c7 06 00 20 03 30', // [0x2000] = 0x3003   level 3 → level 2
  'c7 06 00 30 83 00', // [0x3000] = 0x0083   the first 2 MiB as they are
  'b0 20', // mov al, 0x20
  '0f 22 e0', // mov cr4, eax            physical address extension
  'b8 00 10', // mov ax, 0x1000
  '0f 22 d8', // mov cr3, eax
  '66 b9 80 00 00 c0', // mov ecx, 0xc0000080 (EFER)
  '0f 32', // rdmsr
  '80 cc 01', // or ah, 1                long mode
  '0f 30', // wrmsr
  '0f 20 c0', // mov eax, cr0
  '66 0d 01 00 00 80', // or eax, 0x80000001  protection and paging
  '0f 22 c0', // mov cr0, eax
  '0f 01 16 84 7c', // lgdt [0x7c84]
  'ea 50 7c 08 00', // jmp 8:0x7c50      64-bit from here
  '31 c0', // xor eax, eax
  '0f a2', // cpuid
  'b9 1b 00 00 00', // mov ecx, 0x1b (APIC base)
  '0f 32', // rdmsr
  'be 94 7c 00 00', // mov esi, 0x7c94   the marker
  `b9 ${hex(marker.length + 1)} 00 00 00`, // mov ecx, its length
  '66 ba f8 03', // mov dx, 0x3f8        the first serial port
  'f3 6e', // rep outsb
  '0f 01 1c 25 8a 7c 00 00', // lidt [0x7c8a]  no interrupt table …
  'cc', // int3                          … so this one shuts the CPU down
  '00 00 00 00 00 00 00 00', // 0x7c74: descriptor table
  '00 00 00 00 00 9a 20 00', // 64-bit code
  '0f 00 74 7c 00 00', // 0x7c84: its size and place
  '00 00 00 00 00 00 00 00 00 00', // 0x7c8a: the empty interrupt table
]

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

/** A disk of 1 MiB, since firmware takes smaller ones for no disk at all. */
export function probeDisk(): Uint8Array {
  const disk = new Uint8Array(1024 * 1024)
  const code = Uint8Array.from(program.join(' ').split(' '), (byte) => Number.parseInt(byte, 16))
  disk.set(code)
  disk.set(new TextEncoder().encode(`${marker}\n`), code.length)
  disk.set([0x55, 0xaa], 510)
  return disk
}

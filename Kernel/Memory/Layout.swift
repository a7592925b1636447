// Where things are: addresses, page sizes, and the two halves of every address space.
//
//   0 … userLimit                           the user's; from sharedRegionBase on, what a program shares with the kernel
//   kernelBase + physical address           all memory and devices, for the kernel (the direct map; the kernel image
//     in it)
//   stackRegion …                           kernel stacks, each with a hole below it
//
// The upper half is the same in every address space; its pages are global.

import Storage

/// Bytes of a page and of the larger leaves of Sv39.
let pageSize: UInt = 4096
let megapageSize: UInt = 2 << 20

/// virtual = physical + kernelBase in the direct map. Linker/kernel.ld has the same number.
let kernelBase: UInt = 0xffff_ffc0_0000_0000

/// Where the kernel stacks begin: the upper half of the upper half, so the direct map reaches 128 GiB of physical
/// addresses.
let stackRegion: UInt = 0xffff_ffe0_0000_0000
let directMapLimit: UInt = stackRegion - kernelBase

/// User addresses and system-call arguments lie below it (Documentation/ABI.md).
let userLimit: UInt = 0x3f_ffff_e000

/// Where regions that the kernel shares with a program are: so many, of 2 MiB each. A process that has one has no heap
/// there.
let sharedRegionBase: UInt = 0x3f_8000_0000
let sharedRegionCount = 16

/// An address on the memory bus: RAM or a device register.
struct PhysicalAddress: Equatable {
    let rawValue: UInt

    init(_ rawValue: UInt) { self.rawValue = rawValue }

    /// Where the kernel sees it: in the direct map.
    var virtual: UInt { rawValue &+ kernelBase }
    /// The same as a pointer; what lies there, and for how long, is the caller's to know.
    // never 0
    var pointer: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(bitPattern: virtual).unsafelyUnwrapped }

    /// The physical address behind a pointer into the direct map (not a kernel stack, not user memory).
    init(directMapped address: UInt) { self.rawValue = address &- kernelBase }

    static func + (address: PhysicalAddress, offset: UInt) -> PhysicalAddress {
        PhysicalAddress(address.rawValue &+ offset)
    }
}

/// Rounds down or up to a whole page. Rounding up wraps at the end of the address space: check before.
func pageFloor(_ address: UInt) -> UInt { address & ~(pageSize - 1) }
func pageCeiling(_ address: UInt) -> UInt { (address &+ (pageSize - 1)) & ~(pageSize - 1) }

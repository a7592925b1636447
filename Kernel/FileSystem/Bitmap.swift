// Bits of a 1024-byte block, least significant first: the disk's bitmap, the map of used inodes, and fsck's own.

import Storage

enum Bitmap {
    private static func place(_ number: UInt32) -> (byte: Int, mask: UInt8) {
        let offset = Int(number % DiskLayout.bitsPerBlock)
        return (offset / 8, 1 << UInt8(offset % 8))
    }

    /// The bit of a number in the block that holds it.
    static func bit(_ number: UInt32, in block: RawSpan) -> Bool {
        let (byte, mask) = place(number)
        return block.littleEndian(byte, as: UInt8.self) & mask != 0
    }

    static func set(_ number: UInt32, in block: inout MutableRawSpan, _ value: Bool) {
        let (byte, mask) = place(number)
        let old = block.littleEndian(byte, as: UInt8.self)
        block.storeBytes(of: value ? old | mask : old & ~mask, toByteOffset: byte, as: UInt8.self)
    }

    /// The first number in `from ..< to` whose bit is 0, in the block that holds them all.
    static func firstFree(in block: RawSpan, from: UInt32, to: UInt32) -> UInt32? {
        var number = from
        while number < to {
            let offset = Int(number % DiskLayout.bitsPerBlock)
            let word = block.littleEndian(offset / 64 * 8, as: UInt64.self)
            let free = ~word >> UInt64(offset % 64)
            if free != 0 {
                let found = number + UInt32(free.trailingZeroBitCount)
                return found < to ? found : nil
            }
            number += UInt32(64 - offset % 64)
        }
        return nil
    }

    /// How many numbers in `from ..< to` have a bit that is 0, in the block that holds them all.
    static func countFree(in block: RawSpan, from: UInt32, to: UInt32) -> UInt32 {
        var free: UInt32 = 0
        var number = from
        while number < to {
            if number % 64 == 0, to - number >= 64 {
                let word = block.littleEndian(Int(number % DiskLayout.bitsPerBlock) / 8, as: UInt64.self)
                free += UInt32((~word).nonzeroBitCount)
                number += 64
            } else {
                if !bit(number, in: block) { free += 1 }
                number += 1
            }
        }
        return free
    }
}

// One component of a path, as a directory entry holds it: 14 bytes, longer names cut, shorter ones filled with zeros.
//
// An entry is 16 bytes, inum u16 @0 and the name @2, so two words hold it, and a comparison takes a few instructions.
// What stands behind a name's NUL on the disk does not count, as in xv6.

/// A name of 1 to 14 bytes without "/" and NUL.
struct Name: Equatable {
    /// Bytes 0 … 5 in bits 16 … 63, as the first word of an entry has them.
    private(set) var low: UInt64 = 0
    /// Bytes 6 … 13.
    private(set) var high: UInt64 = 0
    private(set) var length = 0

    static var dot: Name { Name(low: 46 << 16, length: 1) }
    static var dotDot: Name { Name(low: 46 << 16 | 46 << 24, length: 2) }

    init() {}

    private init(low: UInt64, length: Int) {
        self.low = low
        self.length = length
    }

    /// Adds a byte, unless the name has 14 already.
    mutating func append(_ byte: UInt8) {
        if length < 6 {
            low |= UInt64(byte) << UInt64(16 + length * 8)
        } else if length < 14 {
            high |= UInt64(byte) << UInt64((length - 6) * 8)
        } else {
            return
        }
        length += 1
    }

    /// 15 bits that depend on all of a name, whose two words have zeros in the place of the inode number and behind the
    /// name.
    static func hash(_ low: UInt64, _ high: UInt64) -> UInt32 {
        var mixed = (low &* 0x9E37_79B9_7F4A_7C15) ^ (high &* 0xC2B2_AE3D_27D4_EB4F)
        mixed = (mixed ^ mixed >> 32) &* 0x9E37_79B9_7F4A_7C15
        return UInt32(truncatingIfNeeded: mixed >> 49)
    }

    /// Bits of the two words that count: the name and its NUL, if it has one.
    var mask: (low: UInt64, high: UInt64) {
        let bytes = min(14, length + 1)
        let low: UInt64 = bytes >= 6 ? ~0xFFFF : ((1 << UInt64(bytes * 8)) - 1) << 16
        let high: UInt64 = bytes <= 6 ? 0 : bytes == 14 ? ~0 : (1 << UInt64((bytes - 6) * 8)) - 1
        return (low, high)
    }
}

/// A walk over the components of a path. Slashes separate, and any number of them is one; a NUL ends the path like its
/// end.
struct PathWalk {
    private var position = 0

    /// Whether the path starts at the root.
    static func isAbsolute(_ path: borrowing Span<UInt8>) -> Bool { path.count > 0 && path[0] == 47 }

    /// The next component, nil at the end.
    mutating func next(_ path: borrowing Span<UInt8>) -> Name? {
        skipSlashes(path)
        var name = Name()
        while position < path.count, path[position] != 47, path[position] != 0 {
            name.append(path[position])
            position += 1
        }
        skipSlashes(path)
        return name.length > 0 ? name : nil
    }

    /// Whether the component that `next` gave was the last one.
    func isAtEnd(_ path: borrowing Span<UInt8>) -> Bool { position >= path.count || path[position] == 0 }

    private mutating func skipSlashes(_ path: borrowing Span<UInt8>) {
        while position < path.count, path[position] == 47 { position += 1 }
    }
}

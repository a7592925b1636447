// How many columns of a terminal a character takes (Unicode Standard Annex 11, "East Asian Width", as ranges).

enum UTF8Width {
    /// Bytes of the code point that a byte begins; 1 for what begins none.
    static func length(_ byte: UInt8) -> UInt32 {
        if byte & 0xe0 == 0xc0 { return 2 }
        if byte & 0xf0 == 0xe0 { return 3 }
        return byte & 0xf8 == 0xf0 ? 4 : 1
    }

    /// - Parameter scalar: the payload bits of a code point of `length` bytes, with those of its first byte's head.
    static func columns(_ scalar: UInt32, _ length: UInt32) -> Int {
        switch length {
        case 2: return (0x300...0x36f).contains(scalar & 0x7ff) ? 0 : 1  // combining marks
        case 3:
            let scalar = scalar & 0xffff
            switch scalar {
            case 0x200b...0x200f, 0x20d0...0x20ff, 0xfe00...0xfe0f: return 0
            case 0x1100...0x115f, 0x2e80...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60,
                0xffe0...0xffe6:
                return 2
            default: return 1
            }
        case 4:
            let scalar = scalar & 0x1f_ffff
            return (0x1f300...0x1faff).contains(scalar) || (0x20000...0x3fffd).contains(scalar) ? 2 : 1
        default: return scalar & 0xc0 == 0x80 ? 0 : 1
        }
    }
}

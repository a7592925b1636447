// The Internet checksum: RFC 1071, with the incremental update of RFC 1624.
//
// One's-complement sums do not care about byte order (RFC 1071, 2(B)), so the bytes are added in the order of memory,
// 32 at a turn, and swapped once at the end. Sums over several pieces: every piece but the last has an even length.

/// A running one's-complement sum.
public struct Checksum {
    var sum: UInt64

    public init() { sum = 0 }

    /// Adds the bytes from `offset` up to `end`.
    @inline(__always)
    public mutating func add(_ bytes: RawSpan, from offset: Int = 0, to end: Int) {
        precondition(
            offset >= 0 && offset <= end && end <= bytes.byteCount, "a checksum over more bytes than there are")
        guard offset < end else { return }
        // In bounds: offset and end were checked, and with at least one byte between them there is a base address.
        unsafe bytes.withUnsafeBytes { raw in
            unsafe add(raw.baseAddress.unsafelyUnwrapped + offset, byteCount: end &- offset)
        }
    }

    /// - Parameter start: `byteCount` bytes. Each load below lies in the first of the `left` bytes that are still to be
    ///   added.
    @inline(never)
    private mutating func add(_ start: UnsafeRawPointer, byteCount: Int) {
        var at = unsafe start, left = byteCount
        while left >= 32 {
            add(word: unsafe at.loadUnaligned(as: UInt64.self))  // bytes 0 to 31 of 32 or more
            add(word: unsafe at.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            add(word: unsafe at.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            add(word: unsafe at.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
            unsafe at += 32
            left &-= 32
        }
        while left >= 8 {
            add(word: unsafe at.loadUnaligned(as: UInt64.self))  // 8 bytes or more are left
            unsafe at += 8
            left &-= 8
        }
        if left & 4 != 0 {
            add(word: UInt64(unsafe at.loadUnaligned(as: UInt32.self)))  // 4 to 7 bytes are left
            unsafe at += 4
        }
        if left & 2 != 0 {
            add(word: UInt64(unsafe at.loadUnaligned(as: UInt16.self)))  // 2 or 3 bytes are left
            unsafe at += 2
        }
        // The last byte, as if a zero byte followed.
        if left & 1 != 0 { add(word: UInt64(UInt16(littleEndian: UInt16(unsafe at.load(as: UInt8.self))))) }
    }

    /// Adds a 16-bit field given in host order.
    @inline(__always)
    public mutating func add(_ value: UInt16) { add(word: UInt64(value.bigEndian)) }

    /// Adds a 32-bit field given in host order.
    @inline(__always)
    public mutating func add(_ value: UInt32) { add(word: UInt64(value.bigEndian)) }

    /// With the carry back in at the low end: at 64 bits as at 16.
    @inline(__always)
    private mutating func add(word: UInt64) {
        let (partial, carry) = sum.addingReportingOverflow(word)
        sum = partial &+ (carry ? 1 : 0)
    }

    /// The sum in 16 bits, host order: 0xffff when the bytes included a right checksum.
    @inline(__always)
    public var folded: UInt16 {
        var s = (sum & 0xffff_ffff) &+ (sum >> 32)
        s = (s & 0xffff) &+ (s >> 16)
        s = (s & 0xffff) &+ (s >> 16)
        s = (s & 0xffff) &+ (s >> 16)
        return UInt16(bigEndian: UInt16(truncatingIfNeeded: s))
    }

    /// What goes into the checksum field, host order.
    @inline(__always)
    public var value: UInt16 { ~folded }

    /// Whether bytes that include their checksum field are whole.
    @inline(__always)
    public static func isRight(_ bytes: RawSpan, from offset: Int = 0, to end: Int) -> Bool {
        var checksum = Checksum()
        checksum.add(bytes, from: offset, to: end)
        return checksum.folded == 0xffff
    }

    /// The checksum after one 16-bit field changed (RFC 1624, equation 3: HC' = ~(~HC + ~m + m')). All in host order.
    @inline(__always)
    public static func update(_ checksum: UInt16, from old: UInt16, to new: UInt16) -> UInt16 {
        var s = UInt32(~checksum) &+ UInt32(~old) &+ UInt32(new)
        s = (s & 0xffff) &+ (s >> 16)
        s = (s & 0xffff) &+ (s >> 16)
        return ~UInt16(truncatingIfNeeded: s)
    }
}

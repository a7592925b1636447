// Reading and writing fields in network byte order, one unaligned access each, checked against the end of the bytes.
// Bits that are not checked here trap: parsers look at `byteCount` first, and the compiler then drops the second check.

extension RawSpan {
    @inline(__always) public func byte(_ offset: Int) -> UInt8 {
        unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self)
    }
    @inline(__always) public func be16(_ offset: Int) -> UInt16 {
        UInt16(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }
    @inline(__always) public func be32(_ offset: Int) -> UInt32 {
        UInt32(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
    /// In the order of memory, for sums and comparisons that do not care.
    @inline(__always) package func native16(_ offset: Int) -> UInt16 {
        unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self)
    }
    @inline(__always) package func native32(_ offset: Int) -> UInt32 {
        unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
    }
}

extension MutableRawSpan {
    @inline(__always) @_lifetime(self: copy self)
    public mutating func setByte(_ value: UInt8, _ offset: Int) {
        storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
    }
    @inline(__always) @_lifetime(self: copy self)
    public mutating func setBE16(_ value: UInt16, _ offset: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
    }
    @inline(__always) @_lifetime(self: copy self)
    public mutating func setBE32(_ value: UInt32, _ offset: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
    }
    @inline(__always) @_lifetime(self: copy self)
    package mutating func setNative64(_ value: UInt64, _ offset: Int) {
        storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
    }
    @inline(__always) @_lifetime(self: copy self)
    package mutating func setNative32(_ value: UInt32, _ offset: Int) {
        storeBytes(of: value, toByteOffset: offset, as: UInt32.self)
    }
    @inline(__always) @_lifetime(self: copy self)
    package mutating func setNative16(_ value: UInt16, _ offset: Int) {
        storeBytes(of: value, toByteOffset: offset, as: UInt16.self)
    }
}

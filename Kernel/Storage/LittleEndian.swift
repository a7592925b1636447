// Little-endian numbers in bytes that came from outside: each access is checked against the span.

extension RawSpan {
    /// The number at a byte offset; one that does not lie inside the span traps.
    @inlinable
    public func littleEndian<Number: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: Number.Type) -> Number
    {
        precondition(offset >= 0 && offset <= byteCount - MemoryLayout<Number>.size, "a number beyond the bytes")
        // In bounds, and any bit pattern is a number.
        return Number(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: type))
    }
}

extension MutableRawSpan {
    @inlinable
    public func littleEndian<Number: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: Number.Type) -> Number
    {
        bytes.littleEndian(offset, as: type)
    }

    /// Sets every byte to 0.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func clear() {
        // the span's own bytes
        unsafe withUnsafeMutableBytes { unsafe _ = $0.initializeMemory(as: UInt8.self, repeating: 0) }
    }

    /// Copies bytes to an offset; what does not fit traps.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func copy(_ source: RawSpan, to offset: Int = 0) {
        precondition(offset >= 0 && offset <= byteCount - source.byteCount, "a copy beyond the bytes")
        unsafe withUnsafeMutableBytes { destination in
            unsafe source.withUnsafeBytes { source in
                guard let from = source.baseAddress, let to = destination.baseAddress else { return }
                unsafe (to + offset).copyMemory(from: from, byteCount: source.count)  // checked above
            }
        }
    }
}

extension Span where Element == UInt8 {
    /// The same bytes. (`bytes` is unsafe for types with padding; bytes have none.)
    @inlinable
    public var rawBytes: RawSpan {
        @_lifetime(copy self) get { unsafe bytes }
    }
}

extension MutableSpan where Element == UInt8 {
    /// The same bytes, to be changed: every bit pattern is a byte.
    @inlinable
    public var mutableRawBytes: MutableRawSpan {
        @_lifetime(&self) mutating get { unsafe mutableBytes }
    }
}

// The copy of a frame between packets, packet rings and programs' buffers.

/// Copies a frame, exactly. Short ones in pieces that may overlap: a call of memcpy costs more than they do. What a
/// program shares may change meanwhile: some bytes are read twice, and each copy is one that was there.
/// - Parameter place: has room for so many bytes; apart from the frame, or where it lies.
@inline(__always)
func copyFrame(_ frame: RawSpan, to place: UnsafeMutableRawPointer) {
    let count = frame.byteCount
    unsafe frame.withUnsafeBytes { bytes in
        guard let start = bytes.baseAddress else { return }
        // In bounds: the last piece ends where the frame does, and begins not before it.
        // Asked first: what the call needs is then put away for it alone.
        if count < 32 || count > 128 {
            unsafe place.copyMemory(from: start, byteCount: count)
            return
        }
        unsafe copyPiece(start, place, at: 0)
        if count > 64 {
            unsafe copyPiece(start, place, at: 32)
            unsafe copyPiece(start, place, at: count &- 64)
        }
        unsafe copyPiece(start, place, at: count &- 32)
    }
}

/// Copies 32 bytes.
@inline(__always)
private func copyPiece(_ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, at offset: Int) {
    // In bounds, as the caller says.
    let piece = unsafe from.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
    unsafe to.storeBytes(of: piece, toByteOffset: offset, as: SIMD4<UInt64>.self)
}

// The pages that a program and the kernel share for packet rings, as the kernel sees them.
//
// Promise: every access stays in the region's pages, whatever the program wrote there, and each word of the program's
// is read once. What a buffer holds may change under a copy: it is copied first, and looked at then.

import Synchronization
import SystemInterface

/// The pages of one region. A handle: an address, and how many there are.
@safe
public struct RingRegion {
    /// One word for each page, as Sv39 has a leaf: the page's address / 4096, above ten bits that say nothing here.
    private let pages: UnsafePointer<UInt64>
    /// What to add to a page's address to reach it.
    private let offset: UInt
    private let pageCount: Int
    /// Buffers that the region has room for.
    public let bufferCount: Int

    /// - Parameter pages: `pageCount` words; they and the pages stay while the region is used.
    public init(unsafe pages: UnsafePointer<UInt64>, pageCount: Int, offset: UInt) {
        unsafe self.pages = pages
        self.offset = offset
        self.pageCount = pageCount
        bufferCount = 2 * max(0, pageCount - PacketRingLayout.pagesBeforeBuffers)
    }

    /// Where a page begins.
    func page(_ number: Int) -> UnsafeMutableRawPointer {
        precondition(UInt(bitPattern: number) < UInt(bitPattern: pageCount), "a page beyond a region of rings")
        return unsafe start(of: number)  // just checked
    }

    /// The same of a number below `pageCount`.
    @inline(__always)
    private func start(of number: Int) -> UnsafeMutableRawPointer {
        // In bounds, as said. The words are what `init` was given.
        let place = UInt((unsafe pages[number] >> 10) << 12) &+ offset
        return unsafe UnsafeMutableRawPointer(bitPattern: place).unsafelyUnwrapped
    }

    /// Where a buffer's `PacketRingLayout.bufferSize` bytes begin; nil when there is none with this number.
    @inline(__always)
    private func buffer(_ number: Int) -> UnsafeMutableRawPointer? {
        guard UInt(bitPattern: number) < UInt(bitPattern: bufferCount) else { return nil }
        // A page has two of them, so the number of the page is below `pageCount`.
        return unsafe start(of: PacketRingLayout.pagesBeforeBuffers &+ number >> 1)
            + (number & 1) &* PacketRingLayout.bufferSize
    }

    /// The bytes that a slot has; nil when it names no buffer, or more or fewer of them than a frame has.
    @inline(__always)
    @_lifetime(borrow self)
    func frame(_ slot: PacketSlot, limit: Int) -> RawSpan? {
        let length = slot.length
        guard length >= 14, length <= min(limit, PacketRingLayout.bufferSize), let bytes = unsafe buffer(slot.buffer)
        else { return nil }
        // In bounds: a buffer has that many.
        let span = unsafe RawSpan(_unsafeStart: bytes, byteCount: length)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Copies bytes into a buffer; false, and nothing done, when there is none with this number or they go beyond it.
    @inline(__always)
    func write(_ bytes: RawSpan, to number: Int, at offset: Int = 0) -> Bool {
        guard bytes.byteCount <= PacketRingLayout.bufferSize &- offset, let buffer = unsafe buffer(number) else {
            return false
        }
        // In bounds: just checked. The bytes may be the buffer's own: of a program's two slots for one.
        unsafe copyFrame(bytes, to: buffer + offset)
        return true
    }

    /// Lets `body` write a buffer's first bytes; false, and nothing done, when there is none with this number, or it has
    /// fewer.
    @inline(__always)
    func withBuffer(_ number: Int, _ byteCount: Int, _ body: (inout MutableRawSpan) -> Void) -> Bool {
        guard byteCount >= 0, byteCount <= PacketRingLayout.bufferSize, let buffer = unsafe buffer(number) else {
            return false
        }
        // In bounds: just checked. It is shared memory: `body` writes, and reads nothing of it.
        var span = unsafe MutableRawSpan(_unsafeStart: buffer, byteCount: byteCount)
        body(&span)
        return true
    }
}

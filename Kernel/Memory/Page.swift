// One page of memory in a variable's hands: the variable's end gives it back.

import Machine
import Storage
import SystemInterface

/// The only reference to a page, 4,096 bytes. Its end releases the page.
struct Page: ~Copyable {
    let address: PhysicalAddress

    private init(_ address: PhysicalAddress) { self.address = address }

    /// A page of unknown contents.
    /// - Throws: noMemory.
    static func forKernel() throws(SystemError) -> Page {
        guard let page = Pages.allocate() else { throw .noMemory }
        return Page(page)
    }

    deinit { Pages.release(address) }

    var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            // The page is this value's until its end.
            unsafe _overrideLifetime(RawSpan(_unsafeStart: address.pointer, byteCount: Int(pageSize)), borrowing: self)
        }
    }

    var mutableBytes: MutableRawSpan {
        @_lifetime(&self)
        mutating get {
            // The page is this value's, and nothing else refers to it.
            unsafe _overrideLifetime(
                MutableRawSpan(_unsafeStart: address.pointer, byteCount: Int(pageSize)), mutating: &self)
        }
    }

    /// The little-endian number at an offset.
    func number<Number: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: Number.Type) -> Number {
        bytes.littleEndian(offset, as: type)
    }

    mutating func store(_ number: UInt16, at offset: Int) {
        var bytes = mutableBytes
        bytes.storeBytes(of: number.littleEndian, toByteOffset: offset, as: UInt16.self)
    }

    mutating func clear() { page_clear(UInt64(address.virtual)) }

    /// Fills a part of the page from user memory; returns how many bytes were copied.
    mutating func copyIn(from source: UserAddress, to range: Range<Int>) -> Int {
        var bytes = mutableBytes
        var part = bytes._mutatingExtracting(range)
        return source.copyIn(to: &part)
    }

    /// Copies a part of the page to user memory; returns how many bytes were copied.
    func copyOut(_ range: Range<Int>, to destination: UserAddress) -> Int {
        destination.copyOut(bytes.extracting(range))
    }
}

// A counted reference to a page, in a variable's hands or in a page table's.
//
// Promise: a reference is given up exactly once: by the end of its variable, or, once an entry of a table holds it, by
// the end of what is taken out of the entry. Only here are pages of page tables counted.

import SystemInterface

/// One reference to a page that others may refer to, too. Its end gives it up; the last one's frees the page.
@frozen @usableFromInline  // without which 6.3.1 knows no `discard`
struct PageReference: ~Copyable {
    private let number: UInt

    @inline(__always)  // as `Pages.release`: fork and exit have one for each page
    private init(_ address: PhysicalAddress) { number = address.rawValue }

    @inline(__always)  // as init
    var address: PhysicalAddress { PhysicalAddress(number) }

    /// The only reference to a page of unknown contents.
    /// - Throws: noMemory.
    static func new() throws(SystemError) -> PageReference {
        guard let page = Pages.allocate() else { throw .noMemory }
        return PageReference(page)
    }

    /// The only reference to a cleared page.
    /// - Throws: noMemory.
    static func cleared() throws(SystemError) -> PageReference {
        guard let page = Pages.allocateCleared() else { throw .noMemory }
        return PageReference(page)
    }

    @inline(__always)  // as init
    deinit { Pages.release(address) }

    /// Leaves the reference to an entry.
    @inline(__always)  // as init
    fileprivate consuming func leave() -> PhysicalAddress {
        let address = address
        discard self
        return address
    }

    /// The reference that an entry holds. The caller sees to it that the entry is not used again.
    @inline(__always)  // as init
    fileprivate init(heldBy entry: PageTableEntry) { self.init(entry.address) }
}

extension PageTableEntry {
    /// An entry that holds the reference: `takePage` gets it back.
    @inline(__always)  // as PageReference's init
    init(_ page: consuming PageReference, _ flags: UInt64) { self.init(page.leave(), flags) }

    /// Takes the reference out of a valid entry, or of one that was made invalid a moment ago; the entry is empty then.
    @inline(__always)  // as PageReference's init
    mutating func takePage() -> PageReference {
        let page = PageReference(heldBy: self)
        rawValue = 0
        return page
    }

    /// An entry for the same page, with a reference of its own.
    @inline(__always)  // as PageReference's init
    func shared() -> PageTableEntry {
        Pages.retain(address)
        return self
    }
}

// Physical pages: how many references each has, and which are free.
//
// A page is taken from this hart's magazine, refilled from the common list, refilled from memory never used so far.
// When all are empty, the other harts' magazines are searched: the last free page is found, wherever it is. When none is
// left, what is kept only for speed is given back (PageSources.swift). Each page
// has a reference count (32 bits; a page is shared by at most one page table a process, so it cannot overflow); the
// last release frees it.

import Drivers
import Machine
import Storage
import Synchronization

/// One per page of RAM.
struct PageInfo: ~Copyable {
    let references = Atomic<UInt32>(0)
    /// The next free page's index + 1 while this one is free; 0 ends the list.
    var next: UInt32 = 0
}

/// A list of free pages, linked through `PageInfo.next`, so that free pages themselves are not touched.
private struct FreeList {
    var head: UInt32 = 0
    var count: Int = 0

    mutating func push(_ index: UInt32) {
        Pages.info[Int(index)].next = head
        head = index + 1
        count += 1
    }

    mutating func pop() -> UInt32? {
        guard head != 0 else { return nil }
        let index = head - 1
        head = Pages.info[Int(index)].next
        count -= 1
        return index
    }
}

/// Memory in one piece. Pages are numbered through all pieces.
private struct MemoryPiece {
    let address: PhysicalAddress
    let first: UInt32
    let end: UInt32
}

private struct CommonPages {
    var free = FreeList()
    /// Memory from here to the end was never used: contiguous pieces are cut from it during start-up.
    var fresh: UInt32
    let end: UInt32

    mutating func take() -> UInt32? {
        if let index = free.pop() { return index }
        guard fresh < end else { return nil }
        fresh += 1
        return fresh - 1
    }

    /// Cuts so many pages in one piece; what is left of pieces that are too small for it becomes single free pages.
    mutating func cut(_ pages: UInt32) -> UInt32? {
        var start = fresh
        while start < end {
            let stop = Pages.pieceEnd(start)
            if stop - start >= pages {
                while fresh < start {
                    free.push(fresh)
                    fresh += 1
                }
                fresh += pages
                return start
            }
            start = stop
        }
        return nil
    }
}

enum Pages {
    /// Free pages that are left to the kernel, init and its shell: ordinary processes are refused the last ones, so
    /// that the machine can still be operated when they have taken the rest.
    static let reserve = 128
    /// Pages that a hart keeps at hand: so many at most, and so many moved at a time.
    private static let magazineSize = 64
    private static let magazineBatch = 32

    fileprivate static let info = BootTable<PageInfo>()
    /// Of the first piece, which is looked at first: its address and its pages.
    private static let base = Atomic<UInt>(0)
    private static let basePages = Atomic<UInt>(0)
    private static let pieces = BootTable<MemoryPiece>()
    private static let common = SpinLock<CommonPages>(.pageAllocator)
    /// Free pages that no allocation has been promised.
    static let unclaimed = Atomic<Int>(0)
    /// By hart.
    private static let magazines: [8 of SpinLock<FreeList>] = [
        SpinLock(.pageMagazine), SpinLock(.pageMagazine), SpinLock(.pageMagazine), SpinLock(.pageMagazine),
        SpinLock(.pageMagazine), SpinLock(.pageMagazine), SpinLock(.pageMagazine), SpinLock(.pageMagazine),
    ]

    /// Takes over the free memory. The table of pages and the first boot memory are cut from the piece that has most in
    /// the kernel's gigabyte, which is mapped already.
    static func start(_ memory: MemoryMap) {
        let gigabyte = (address_of_kernel_start() - UInt64(kernelBase)) & ~((1 << 30) - 1)
        var main = 0
        var most = 0
        for index in 0..<memory.count {
            let reach = memory[index].clamped(to: gigabyte..<gigabyte + (1 << 30)).count
            if reach > most { (main, most) = (index, reach) }
        }
        let total = Int(memory.byteCount / UInt64(pageSize))
        let infoPages = pageCeiling(UInt(total * MemoryLayout<PageInfo>.stride)) / pageSize
        // Until all is mapped, the page tables come from there too.
        guard most / Int(pageSize) > Int(infoPages) + 64 else {
            panic("the memory behind the kernel is too small for a table of its pages")
        }
        let start = PhysicalAddress(memory[main].lowerBound.uint)
        base.store(start.rawValue, ordering: .relaxed)
        basePages.store(UInt(memory[main].count) / pageSize, ordering: .relaxed)
        for page in 0...infoPages { page_clear(UInt64((start + page * pageSize).virtual)) }
        let bootPage = (start + infoPages * pageSize).virtual
        BootMemory.start(bootPage..<(bootPage + pageSize))
        // Cleared memory of the RAM's own: zeros are what a PageInfo begins with.
        let place = unsafe start.pointer.bindMemory(to: PageInfo.self, capacity: total)
        info.install(unsafe Table(unsafe: place, count: total))
        var first: UInt32 = 0
        pieces.start(memory.count) { index in
            // The main piece changes places with the first.
            let piece = memory[index == 0 ? main : index == main ? 0 : index]
            let end = first + UInt32(piece.count / Int(pageSize))
            defer { first = end }
            return MemoryPiece(address: PhysicalAddress(piece.lowerBound.uint), first: first, end: end)
        }
        common.start(CommonPages(fresh: UInt32(infoPages + 1), end: UInt32(total)))
        for hart in 0..<maximumHarts { magazines[hart].start(FreeList()) }
        unclaimed.store(total - Int(infoPages + 1), ordering: .relaxed)
    }

    /// Pages of RAM that the kernel manages.
    static var total: Int { info.count }

    /// Cleared memory of `bytes`, whole pages in one piece, for tables and devices that stay for ever. Only during
    /// start-up: it comes from memory never used so far. Nil when there is not so much.
    static func allocateContiguous(bytes: Int) -> PhysicalAddress? {
        let pages = UInt32((UInt(bytes) + pageSize - 1) / pageSize)
        guard let first = common.withLock({ $0.cut(pages) }) else { return nil }
        unclaimed.wrappingSubtract(Int(pages), ordering: .relaxed)
        for index in first..<(first + pages) {
            info[Int(index)].references.store(1, ordering: .relaxed)
            page_clear(UInt64(address(of: index).virtual))
        }
        return address(of: first)
    }

    /// A page with one reference and unknown contents, which the caller releases; nil when memory is exhausted. `Page`
    /// does so by itself.
    static func allocate() -> PhysicalAddress? {
        while !claim(leaving: Int(thisHart.value.page_reserve)) { guard PageSources.giveBack() else { return nil } }
        return takeClaimed()
    }

    /// The same for what is only kept while memory is plenty: nil when little is free.
    static func allocateSpare() -> PhysicalAddress? { claim(leaving: 2 * reserve) ? takeClaimed() : nil }

    /// Promises the caller a page; false when there would be fewer than `least` left.
    @inline(__always)
    private static func claim(leaving least: Int) -> Bool {
        // A page that was promised is in some list, or on its way from one to another.
        let left = unclaimed.wrappingSubtract(1, ordering: .relaxed).newValue
        if left >= least { return true }
        unclaimed.wrappingAdd(1, ordering: .relaxed)
        return false
    }

    private static func takeClaimed() -> PhysicalAddress? {
        var taken = takeFromMagazine()
        while taken == nil { taken = stealFromMagazines() ?? takeFromMagazine() }
        guard let index = taken else { return nil }
        if info[Int(index)].references.exchange(1, ordering: .relaxed) != 0 {
            panic("a page in use was in the list of free pages")
        }
        return address(of: index)
    }

    /// A cleared page with one reference.
    @inline(never)
    static func allocateCleared() -> PhysicalAddress? {
        guard let page = allocate() else { return nil }
        page_clear(UInt64(page.virtual))
        return page
    }

    /// One more reference to a page that has at least one: a page table's.
    static func retain(_ page: PhysicalAddress) {
        info[Int(index(of: page))].references.wrappingAdd(1, ordering: .relaxed)
    }

    /// Gives up a reference; the last one frees the page.
    @inline(__always)  // exit, exec and munmap call it for each page: a call there costs as much as the work
    static func release(_ page: PhysicalAddress) {
        let index = index(of: page)
        let (old, _) = info[Int(index)].references.wrappingSubtract(1, ordering: .acquiringAndReleasing)
        if old == 0 { panic("page released twice") }
        if old == 1 { free(index) }
    }

    private static func free(_ index: UInt32) {
        let interrupts = interrupts_disable()
        magazines[Int(thisHart.value.index)].withLock { magazine in
            magazine.push(index)
            guard magazine.count > magazineSize else { return }
            common.withLock { common in
                for _ in 0..<magazineBatch { if let page = magazine.pop() { common.free.push(page) } }
            }
        }
        interrupts_restore(interrupts)
        unclaimed.wrappingAdd(1, ordering: .relaxed)
    }

    /// Whether the caller's reference is the only one: then no other can come meanwhile.
    static func isUnshared(_ page: PhysicalAddress) -> Bool {
        info[Int(index(of: page))].references.load(ordering: .acquiring) == 1
    }

    private static func takeFromMagazine() -> UInt32? {
        let interrupts = interrupts_disable()
        defer { interrupts_restore(interrupts) }
        return magazines[Int(thisHart.value.index)].withLock { magazine in
            if let index = magazine.pop() { return index }
            common.withLock { common in
                for _ in 0..<magazineBatch { if let page = common.take() { magazine.push(page) } else { break } }
            }
            return magazine.pop()
        }
    }

    private static func stealFromMagazines() -> UInt32? {
        for hart in 0..<maximumHarts {
            if let index = magazines[hart].withLock({ $0.pop() }) { return index }
        }
        return nil
    }

    /// Works on the bytes of a page that a page table of the caller's refers to.
    static func withBytes<Result, Failure: Error>(
        of page: PhysicalAddress, _ body: (inout MutableRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        _ = index(of: page)
        // A page of RAM, which the caller's reference keeps.
        var bytes = unsafe MutableRawSpan(_unsafeStart: page.pointer, byteCount: Int(pageSize))
        return try body(&bytes)
    }

    private static func address(of index: UInt32) -> PhysicalAddress {
        if UInt(index) < basePages.load(ordering: .relaxed) {
            return PhysicalAddress(base.load(ordering: .relaxed)) + UInt(index) * pageSize
        }
        let piece = piece(of: index)
        return piece.address + UInt(index - piece.first) * pageSize
    }

    private static func index(of page: PhysicalAddress) -> UInt32 {
        let index = (page.rawValue &- base.load(ordering: .relaxed)) / pageSize
        return index < basePages.load(ordering: .relaxed) ? UInt32(truncatingIfNeeded: index) : otherIndex(of: page)
    }

    @inline(never)
    private static func otherIndex(of page: PhysicalAddress) -> UInt32 {
        for number in 0..<pieces.count {
            let piece = pieces[number]
            let index = (page.rawValue &- piece.address.rawValue) / pageSize
            if index < UInt(piece.end - piece.first) { return piece.first + UInt32(truncatingIfNeeded: index) }
        }
        panic("not a page of memory")
    }

    @inline(never)
    private static func piece(of index: UInt32) -> MemoryPiece {
        var number = 0
        while pieces[number].end <= index { number += 1 }
        return pieces[number]
    }

    /// One more than the last page of the piece that a page is in.
    fileprivate static func pieceEnd(_ index: UInt32) -> UInt32 { piece(of: index).end }
}

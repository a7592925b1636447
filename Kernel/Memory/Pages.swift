// Physical pages: who has how many references to each, and which are free.
//
// A page is taken from this hart's magazine, refilled from the common list, refilled from memory never used so far. When all
// are empty, the other harts' magazines are searched: the last free page is found, wherever it is. Each page has a reference
// count (32 bits; a page is shared by at most one page table a process, so it cannot overflow); the last release frees it.

import Machine
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

private struct CommonPages {
    var free = FreeList()
    /// Memory from here to the end was never used: contiguous pieces are cut from it during start-up.
    var fresh: UInt32 = 0
    var end: UInt32 = 0

    mutating func take() -> UInt32? {
        if let index = free.pop() { return index }
        guard fresh < end else { return nil }
        fresh += 1
        return fresh - 1
    }
}

/// Pages that a hart keeps at hand: so many at most, and so many moved at a time.
private let magazineSize = 64
private let magazineBatch = 32

nonisolated(unsafe) private var common = SpinLock(CommonPages())
nonisolated(unsafe) private var magazines: [8 of SpinLock<FreeList>] = [
    SpinLock(FreeList()), SpinLock(FreeList()), SpinLock(FreeList()), SpinLock(FreeList()),
    SpinLock(FreeList()), SpinLock(FreeList()), SpinLock(FreeList()), SpinLock(FreeList()),
]

enum Pages {
    nonisolated(unsafe) fileprivate(set) static var info = UnsafeMutablePointer<PageInfo>(bitPattern: 8).unsafelyUnwrapped
    nonisolated(unsafe) private static var base = PhysicalAddress(0)
    nonisolated(unsafe) private(set) static var total = 0

    /// Takes over the RAM from `start` to `end` (physical; whole pages), which is mapped. The table of pages is cut from it.
    static func start(from start: PhysicalAddress, to end: PhysicalAddress) {
        total = Int((end.rawValue - start.rawValue) / pageSize)
        base = start
        info = start.pointer.assumingMemoryBound(to: PageInfo.self)
        let tablePages = (UInt(total * MemoryLayout<PageInfo>.stride) + pageSize - 1) / pageSize
        for page in 0..<tablePages { page_clear(UInt64((start + page * pageSize).virtual)) }
        common.withLock { $0.fresh = UInt32(tablePages); $0.end = UInt32(total) }
    }

    /// Cleared memory of `bytes`, whole pages in one piece, for tables and devices that stay for ever. Only during start-up:
    /// it comes from memory never used so far.
    static func allocateContiguous(bytes: Int) -> PhysicalAddress? {
        let pages = UInt32((UInt(bytes) + pageSize - 1) / pageSize)
        let first: UInt32? = common.withLock { common in
            guard common.end - common.fresh >= pages else { return nil }
            common.fresh += pages
            return common.fresh - pages
        }
        guard let first else { return nil }
        for index in first..<(first + pages) {
            info[Int(index)].references.store(1, ordering: .relaxed)
            page_clear(UInt64(address(of: index).virtual))
        }
        return address(of: first)
    }

    /// A page with one reference and unknown contents; nil when memory is exhausted.
    static func allocate() -> PhysicalAddress? {
        guard let index = takeFromMagazine() ?? stealFromMagazines() else { return nil }
        info[Int(index)].references.store(1, ordering: .relaxed)
        return address(of: index)
    }

    /// A cleared page with one reference.
    @inline(never)
    static func allocateCleared() -> PhysicalAddress? {
        guard let page = allocate() else { return nil }
        page_clear(UInt64(page.virtual))
        return page
    }

    /// One more reference to a page that has at least one.
    static func retain(_ page: PhysicalAddress) {
        info[Int(index(of: page))].references.wrappingAdd(1, ordering: .relaxed)
    }

    /// Gives up a reference; the last one frees the page.
    static func release(_ page: PhysicalAddress) {
        let index = index(of: page)
        let (old, _) = info[Int(index)].references.wrappingSubtract(1, ordering: .acquiringAndReleasing)
        if old == 0 { panic("page released twice") }
        guard old == 1 else { return }
        let interrupts = interrupts_disable()
        magazines[Int(this_hart().pointee.index)].withLock { magazine in
            magazine.push(index)
            guard magazine.count > magazineSize else { return }
            common.withLock { common in
                for _ in 0..<magazineBatch { if let page = magazine.pop() { common.free.push(page) } }
            }
        }
        interrupts_restore(interrupts)
    }

    /// Whether the caller's reference is the only one: then nobody else can gain one meanwhile.
    static func isUnshared(_ page: PhysicalAddress) -> Bool {
        info[Int(index(of: page))].references.load(ordering: .acquiring) == 1
    }

    /// Free pages in all: exact when nothing is taken or given back meanwhile.
    static var freeCount: Int {
        var count = common.withLock { $0.free.count + Int($0.end - $0.fresh) }
        for hart in 0..<8 { count += magazines[hart].withLock { $0.count } }
        return count
    }

    private static func takeFromMagazine() -> UInt32? {
        let interrupts = interrupts_disable()
        defer { interrupts_restore(interrupts) }
        return magazines[Int(this_hart().pointee.index)].withLock { magazine in
            if let index = magazine.pop() { return index }
            common.withLock { common in
                for _ in 0..<magazineBatch { if let page = common.take() { magazine.push(page) } else { break } }
            }
            return magazine.pop()
        }
    }

    private static func stealFromMagazines() -> UInt32? {
        for hart in 0..<8 {
            if let index = magazines[hart].withLock({ $0.pop() }) { return index }
        }
        return nil
    }

    private static func address(of index: UInt32) -> PhysicalAddress { base + UInt(index) * pageSize }

    private static func index(of page: PhysicalAddress) -> UInt32 {
        let index = (page.rawValue &- base.rawValue) / pageSize
        if index >= UInt(total) { panic("not a page of memory") }
        return UInt32(truncatingIfNeeded: index)
    }
}

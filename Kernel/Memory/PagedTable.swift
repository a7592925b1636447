// Tables that grow: their elements lie in pages that are taken one by one as elements are needed, and stay for ever.

import Storage
import Synchronization

/// Up to a number of elements fixed at start, in the order in which they were made. An element that was made stays
/// where it is. Growing is the caller's to guard by a lock; looking is not.
struct PagedTable<Element: ~Copyable>: ~Copyable, Sendable {
    private let pages = BootTable<UInt>()
    private let made = Atomic<Int>(0)
    private let limit = Atomic<Int>(0)

    init() {}

    private static var perPage: Int { Int(pageSize) / MemoryLayout<Element>.stride }

    /// Sets the greatest number of elements. Once, during start-up.
    func start(most count: Int) {
        limit.store(count, ordering: .relaxed)
        pages.start((count + Self.perPage - 1) / Self.perPage) { _ in 0 }
    }

    /// Elements that were made.
    var count: Int { made.load(ordering: .acquiring) }
    /// Pages that they lie in.
    var pageCount: Int { (count + Self.perPage - 1) / Self.perPage }
    /// How many there can be.
    var mostCount: Int { limit.load(ordering: .relaxed) }

    /// Makes another page of elements, fewer when the limit is near, and calls `body` with each; false without a page.
    func grow(_ make: (Int) -> Element, _ body: (Ref<Element>) -> Void) -> Bool {
        let first = count
        let end = min(first + Self.perPage, mostCount)
        guard first < end, let page = Pages.allocateCleared() else { return false }
        // Aligned, large enough, and this table's alone from now on.
        let elements = unsafe page.pointer.bindMemory(to: Element.self, capacity: Self.perPage)
        for index in first..<end { unsafe (elements + (index - first)).initialize(to: make(index)) }
        pages[first / Self.perPage] = page.virtual
        made.store(end, ordering: .releasing)
        for index in first..<end { body(ref(index)) }
        return true
    }

    /// An element that was made.
    func ref(_ index: Int) -> Ref<Element> {
        precondition(index >= 0 && index < count, "an element that a table has not made")
        let page = pages[index / Self.perPage]
        // `grow` put the address of its elements there.
        let elements = unsafe UnsafeMutablePointer<Element>(bitPattern: page).unsafelyUnwrapped
        return unsafe Ref(unsafe: elements + index % Self.perPage)
    }
}

// A table that takes its memory a page at a time, when it is needed: what a machine could have at most would take too
// much of it at the start.

import Storage

/// Where tables that grow get their pages: a plain function and what it is called with, since a closure's context would
/// be counted.
@safe public struct TablePages {
    public typealias Take = @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?

    private let take: Take
    private let context: UnsafeMutableRawPointer?

    /// - Parameters:
    ///   - take: gives 4,096 bytes, aligned to 16, that live as long as the tables; nil when there are none.
    ///   - context: what it is called with; lives as long as the tables.
    public init(unsafe take: Take, context: UnsafeMutableRawPointer? = nil) {
        unsafe self.take = unsafe take
        unsafe self.context = context
    }

    func page() -> UnsafeMutableRawPointer? { unsafe take(context) }
}

@safe struct GrowingTable<Element: ~Copyable>: ~Copyable {
    /// Bytes of a page.
    static var pageSize: Int { 4096 }
    private static var perPage: Int { pageSize / MemoryLayout<Element>.stride }

    static func memoryNeeded(count: Int) -> Int {
        TableMemory.byteCount(Table<Element>?.self, (count + perPage - 1) / perPage)
    }

    /// Elements there can be, and those that there are.
    let limit: Int
    private(set) var count = 0
    private let pages: Table<Table<Element>?>
    private let source: TablePages

    init(_ memory: inout TableMemory, limit: Int, pages source: TablePages) {
        self.limit = limit
        self.source = source
        pages = memory.table((limit + Self.perPage - 1) / Self.perPage) { nil }
    }

    /// Adds a page of elements, or as many as there may be; false without the memory.
    mutating func grow(_ make: () -> Element) -> Bool {
        guard count < limit, let start = unsafe source.page() else { return false }
        let added = min(Self.perPage, limit - count)
        let elements = unsafe start.bindMemory(to: Element.self, capacity: added)
        // In bounds: `added` elements fit in a page, which is this table's alone.
        for i in 0..<added { unsafe (elements + i).initialize(to: make()) }
        pages[count / Self.perPage] = unsafe Table(unsafe: elements, count: added)
        count += added
        return true
    }

    /// Bytes of the pages that it has taken.
    var byteCount: Int { (count + Self.perPage - 1) / Self.perPage * Self.pageSize }

    /// A handle to an element, from 0 up to `count`; any other index traps.
    @inline(__always)
    func ref(_ index: Int) -> Ref<Element> {
        unsafe Ref(unsafe: place(index))  // checked there
    }

    /// The element at an index, as `ref`.
    subscript(index: Int) -> Element {
        @inline(__always) unsafeAddress { unsafe UnsafePointer(place(index)) }
        @inline(__always) nonmutating unsafeMutableAddress { unsafe place(index) }
    }

    @inline(__always)
    private func place(_ index: Int) -> UnsafeMutablePointer<Element> {
        guard let page = pages[index / Self.perPage] else { preconditionFailure("index beyond a growing table") }
        precondition(
            UInt(bitPattern: index % Self.perPage) < UInt(bitPattern: page.count), "index beyond a page's elements")
        return unsafe page.elements + index % Self.perPage  // in bounds: just checked
    }
}

// The memory that a stack is given once, cut into its tables.

import Storage

/// What is left of the memory for tables. They live as long as the memory does.
@safe struct TableMemory: ~Copyable {
    private var next: UnsafeMutableRawPointer
    private var left: Int

    /// - Parameter start: `byteCount` bytes, aligned to 16, that outlive all tables.
    init(unsafe start: UnsafeMutableRawPointer, byteCount: Int) {
        unsafe next = start
        left = byteCount
    }

    /// Bytes that a table takes.
    static func byteCount<Element: ~Copyable>(_ type: Element.Type, _ count: Int) -> Int {
        (MemoryLayout<Element>.stride * count + 15) & ~15
    }

    /// A table of `count` values. Traps when the memory is too short, which is a fault of the stack's own sum.
    mutating func table<Element: ~Copyable>(_ count: Int, _ make: () -> Element) -> Table<Element> {
        let elements = unsafe raw(Element.self, count)
        for i in 0..<count { unsafe (elements + i).initialize(to: make()) }  // the bytes are this table's alone
        return unsafe Table(unsafe: elements, count: count)
    }

    /// A table of `count` values each of which takes memory of its own behind it.
    mutating func tableOfTables<Element: ~Copyable>(
        _ count: Int, _ make: (inout TableMemory) -> Element
    ) -> Table<Element> {
        let elements = unsafe raw(Element.self, count)
        for i in 0..<count { unsafe (elements + i).initialize(to: make(&self)) }  // the bytes are this table's alone
        return unsafe Table(unsafe: elements, count: count)
    }

    /// Memory for `count` values, which it does not hold yet.
    mutating func raw<Element: ~Copyable>(_ type: Element.Type, _ count: Int) -> UnsafeMutablePointer<Element> {
        let byteCount = Self.byteCount(Element.self, count)
        precondition(byteCount <= left, "the stack's tables need more memory than memoryNeeded says")
        let elements = unsafe next.bindMemory(to: Element.self, capacity: count)
        unsafe next += byteCount  // not beyond the end: byteCount is at most what is left
        left -= byteCount
        return unsafe elements
    }
}

// Memory for what lives as long as the system: cut from whole pages at start-up, and never given back.

import Machine
import Storage
import Synchronization

enum BootMemory {
    /// The piece that small values are cut from: the next free address, and the end.
    private static let next = Atomic<UInt>(0)
    private static let end = Atomic<UInt>(0)

    /// Cuts from this piece of cleared memory first: before there is a page allocator.
    static func start(_ piece: Range<UInt>) {
        next.store(piece.lowerBound, ordering: .relaxed)
        end.store(piece.upperBound, ordering: .relaxed)
    }

    /// Cleared memory of so many bytes, aligned to 16, or to a page where it takes one or more. By one thread at a time:
    /// start-up, then init's before it runs a program.
    static func allocate(bytes: Int) -> UnsafeMutableRawPointer {
        let size = (UInt(bitPattern: max(bytes, 1)) + 15) & ~15
        if size > end.load(ordering: .relaxed) - next.load(ordering: .relaxed) {
            guard let fresh = Pages.allocateContiguous(bytes: Int(size)) else {
                panic("not enough memory to start: give the machine more (MEM=128M is the usual size)")
            }
            if size >= pageSize { return unsafe fresh.pointer }  // pages of its own; never shared
            start(fresh.virtual..<(fresh.virtual + pageSize))
        }
        let address = next.load(ordering: .relaxed)
        next.store(address + size, ordering: .relaxed)
        // inside the piece, which is not at 0
        return unsafe UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
    }

    /// A value that stays for ever.
    static func make<Value: ~Copyable>(_ value: consuming Value) -> Ref<Value> {
        // Fresh memory of the value's size; 16 is more than any alignment here.
        let place = unsafe allocate(bytes: MemoryLayout<Value>.stride).bindMemory(to: Value.self, capacity: 1)
        unsafe place.initialize(to: value)
        return unsafe Ref(unsafe: place)
    }

    /// A table of `count` values that stays for ever.
    static func makeTable<Value: ~Copyable>(_ count: Int, _ value: (Int) -> Value) -> Table<Value> {
        // Fresh memory for all values, each initialised before the table is handed out.
        let place = unsafe allocate(bytes: MemoryLayout<Value>.stride * count).bindMemory(
            to: Value.self, capacity: max(count, 1))
        for index in 0..<count { unsafe (place + index).initialize(to: value(index)) }
        return unsafe Table(unsafe: place, count: count)
    }
}

extension Lock where State: ~Copyable {
    /// Gives the lock its state. Once, during start-up.
    func start(_ state: consuming State) { start(at: BootMemory.make(state)) }
}

extension BootTable where Element: ~Copyable {
    /// Makes the table's values. Once, during start-up.
    func start(_ count: Int, _ value: (Int) -> Element) { install(BootMemory.makeTable(count, value)) }
}

extension BootValue where Value: ~Copyable {
    /// Sets the value. Once, during start-up.
    func start(_ value: consuming Value) { install(BootMemory.make(value)) }
}

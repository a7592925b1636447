// Tables and single values of the kernel's: memory is handed to them once, at boot, and they keep it for ever.

import Synchronization

/// A fixed number of values, each checked index a value. Copies name the same table.
@safe @frozen
public struct Table<Element: ~Copyable>: @unchecked Sendable {
    /// Where the elements are, for assembly; they stay there.
    public let elements: UnsafeMutablePointer<Element>
    public let count: Int

    /// - Parameter elements: `count` initialised values that stay where they are for ever.
    @inlinable
    public init(unsafe elements: UnsafeMutablePointer<Element>, count: Int) {
        unsafe self.elements = elements
        self.count = count
    }

    /// The value at an index from 0 up to `count`; any other index traps.
    @inlinable
    public subscript(index: Int) -> Element {
        unsafeAddress { unsafe UnsafePointer(elements + checked(index)) }
        nonmutating unsafeMutableAddress { unsafe elements + checked(index) }
    }

    @inlinable
    public subscript(index: Int32) -> Element {
        unsafeAddress { unsafe UnsafePointer(elements + checked(Int(index))) }
        nonmutating unsafeMutableAddress { unsafe elements + checked(Int(index)) }
    }

    /// A handle to the value at an index.
    @inlinable
    public func ref(_ index: Int) -> Ref<Element> { unsafe Ref(unsafe: elements + checked(index)) }  // checked

    @inlinable
    func checked(_ index: Int) -> Int {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "index beyond the table")
        return index
    }
}

/// A table that is a constant of the program: empty until boot installs its values.
@frozen
public struct BootTable<Element: ~Copyable>: ~Copyable, Sendable {
    @usableFromInline let first = Atomic<UInt>(0)
    @usableFromInline let extent = Atomic<Int>(0)

    @inlinable
    public init() {}

    /// Gives the table its values. Once, before another hart runs.
    @inlinable
    public func install(_ table: Table<Element>) {
        precondition(count == 0, "a table is installed once")
        first.store(unsafe UInt(bitPattern: table.elements), ordering: .relaxed)
        extent.store(table.count, ordering: .relaxed)
    }

    @inlinable
    public var count: Int { extent.load(ordering: .relaxed) }

    /// The value at an index from 0 up to `count`; any other index traps.
    @inlinable
    public subscript(index: Int) -> Element {
        unsafeAddress { unsafe UnsafePointer(element(index)) }
        nonmutating unsafeMutableAddress { unsafe element(index) }
    }

    @inlinable
    public func ref(_ index: Int) -> Ref<Element> { unsafe Ref(unsafe: element(index)) }

    @inlinable
    func element(_ index: Int) -> UnsafeMutablePointer<Element> {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "index beyond a boot table")
        // With a count above 0 the address is what `install` was given.
        return unsafe UnsafeMutablePointer<Element>(bitPattern: first.load(ordering: .relaxed)).unsafelyUnwrapped
            + index
    }
}

/// One value that is a constant of the program once boot has set it.
@frozen
public struct BootValue<Value: ~Copyable>: ~Copyable, Sendable {
    @usableFromInline let place = AtomicRef<Value>()

    @inlinable
    public init() {}

    /// Sets the value. Once, before another hart runs.
    @inlinable
    public func install(_ ref: Ref<Value>) {
        precondition(place.load() == nil, "a boot value is installed once")
        place.store(ref)
    }

    /// The value's handle; nil until it is set.
    @inlinable
    public var ref: Ref<Value>? { place.load() }

    @inlinable
    public var isSet: Bool { place.load() != nil }

    /// The value; before it is set, this traps.
    @inlinable
    public var value: Value {
        unsafeAddress { unsafe UnsafePointer(address) }
        nonmutating unsafeMutableAddress { unsafe address }
    }

    @inlinable
    var address: UnsafeMutablePointer<Value> {
        guard let ref = place.load() else { preconditionFailure("a boot value is used before it is set") }
        return unsafe ref.address
    }
}

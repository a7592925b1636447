// Handles to values that lie in memory for ever: made at boot, never moved, never freed. The only `unsafe` is where one
// is made.

import Synchronization

/// A handle to one value that lives as long as the system. Copies name the same value.
@safe @frozen
public struct Ref<Value: ~Copyable>: @unchecked Sendable {
    @usableFromInline let address: UnsafeMutablePointer<Value>

    /// - Parameter address: of an initialised value that stays where it is for ever.
    @inlinable
    public init(unsafe address: UnsafeMutablePointer<Value>) { unsafe self.address = address }

    /// The value. The caller holds the lock that guards it, as the value's declaration says.
    @inlinable
    public var value: Value {
        unsafeAddress { unsafe UnsafePointer(address) }
        nonmutating unsafeMutableAddress { unsafe address }
    }

    /// The address as a number: a key, or what assembly and firmware are given.
    @inlinable
    public var bits: UInt { unsafe UInt(bitPattern: address) }
}

extension Ref: Equatable where Value: ~Copyable {
    @inlinable
    public static func == (a: Ref, b: Ref) -> Bool { a.bits == b.bits }
}

/// A place for a handle that several harts may read and write: a list's head, a global that boot fills in.
@frozen
public struct AtomicRef<Value: ~Copyable>: ~Copyable, Sendable {
    @usableFromInline let bits = Atomic<UInt>(0)

    @inlinable
    public init() {}

    @inlinable
    public func load() -> Ref<Value>? {
        // What `store` put there is the address of a Ref.
        guard let address = unsafe UnsafeMutablePointer<Value>(bitPattern: bits.load(ordering: .relaxed)) else {
            return nil
        }
        return unsafe Ref(unsafe: address)
    }

    @inlinable
    public func store(_ ref: Ref<Value>?) { bits.store(ref?.bits ?? 0, ordering: .relaxed) }
}

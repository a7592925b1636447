// Intrusive lists: the links lie in the listed values themselves, so nothing is allocated and removal is O(1).
//
// Links and heads are words that are loaded and stored whole; the lock of the list's owner keeps changes apart. A head
// may be read without that lock, as a hint.

import Synchronization

/// The place of one value in one list. A value has a node for each kind of list it can be in at the same time.
@frozen
public struct ListNode<Owner: ~Copyable>: ~Copyable, Sendable {
    @usableFromInline let next = AtomicRef<ListNode<Owner>>()
    @usableFromInline let previous = AtomicRef<ListNode<Owner>>()
    @usableFromInline let ownerPlace = AtomicRef<Owner>()
    /// 1 while the node is in a list.
    @usableFromInline let listed = Atomic<UInt32>(0)

    @inlinable
    public init() {}

    /// Whether the node is in a list.
    @inlinable
    public var isListed: Bool { listed.load(ordering: .relaxed) != 0 }
}

extension Ref where Value: ~Copyable {
    /// A handle to a node that is a stored property of the value, which becomes the node's owner.
    @inlinable
    public func node(_ place: UnsafePointer<ListNode<Value>>) -> Ref<ListNode<Value>> {
        // The place is a stored property's of a value that stays where it is: the caller passes `&value.node`.
        unsafe place.pointee.ownerPlace.store(self)
        return unsafe Ref<ListNode<Value>>(unsafe: UnsafeMutablePointer(mutating: place))
    }
}

/// A list of values by their nodes, first in, first out unless the caller asks otherwise.
@frozen
public struct List<Owner: ~Copyable>: ~Copyable, Sendable {
    @usableFromInline let head = AtomicRef<ListNode<Owner>>()
    @usableFromInline let tail = AtomicRef<ListNode<Owner>>()

    @inlinable
    public init() {}

    @inlinable
    public var isEmpty: Bool { head.load() == nil }

    /// The first value; nil for an empty list.
    @inlinable
    public var first: Ref<Owner>? { head.load()?.value.ownerPlace.load() }

    /// The value behind the one with this node.
    @inlinable
    public func after(_ node: Ref<ListNode<Owner>>) -> Ref<Owner>? { node.value.next.load()?.value.ownerPlace.load() }

    @inlinable
    public func append(_ node: Ref<ListNode<Owner>>) {
        precondition(!node.value.isListed, "a node is put into a second list")
        let last = tail.load()
        node.value.next.store(nil)
        node.value.previous.store(last)
        node.value.listed.store(1, ordering: .relaxed)
        if let last { last.value.next.store(node) } else { head.store(node) }
        tail.store(node)
    }

    @inlinable
    public func prepend(_ node: Ref<ListNode<Owner>>) {
        precondition(!node.value.isListed, "a node is put at the head of a second list")
        let first = head.load()
        node.value.next.store(first)
        node.value.previous.store(nil)
        node.value.listed.store(1, ordering: .relaxed)
        if let first { first.value.previous.store(node) } else { tail.store(node) }
        head.store(node)
    }

    /// Takes a node of this list out.
    @inlinable
    public func remove(_ node: Ref<ListNode<Owner>>) {
        precondition(node.value.isListed, "a node is taken out of a list it is not in")
        let next = node.value.next.load()
        let previous = node.value.previous.load()
        if let previous { previous.value.next.store(next) } else { head.store(next) }
        if let next { next.value.previous.store(previous) } else { tail.store(previous) }
        node.value.listed.store(0, ordering: .relaxed)
    }

    /// Takes the first value out; nil for an empty list.
    @inlinable
    public func removeFirst() -> Ref<Owner>? {
        guard let node = head.load() else { return nil }
        remove(node)
        return node.value.ownerPlace.load()
    }
}

// The inodes in memory: each inode of the disk is here at most once, and each use of it is an `Inode`.
//
// A slot without references keeps its content until it is needed for another inode.

import Storage
import SystemInterface

/// One use of an inode: in an open file, as a working directory, or for the length of a call. Its end gives the use
/// back, and with the last one a file without names is freed (Release.swift), in transactions of its own: so an `Inode`
/// does not end inside one.
@frozen
public struct Inode<P: FileSystemPlatform>: ~Copyable {
    @usableFromInline let system: FileSystem<P>
    @usableFromInline let slot: Int32

    init(_ system: FileSystem<P>, slot: Int32) {
        self.system = system
        self.slot = slot
    }

    deinit { Self.giveBack(system, slot) }

    @usableFromInline
    static func giveBack(_ system: FileSystem<P>, _ slot: Int32) { system.release(slot) }

    /// One more use of the same inode.
    public func duplicate() -> Inode {
        system.inodes.retain(slot)
        return Inode(system, slot: slot)
    }

    /// Whether two uses are of the same inode.
    public func isSame(as other: borrowing Inode) -> Bool { slot == other.slot }
}

/// One inode in memory. `number` and `references` are guarded by the table's monitor, the rest by the inode's lock.
struct InodeSlot {
    /// 0 while the slot has never been used.
    var number: UInt32 = 0
    var references: Int32 = 0
    /// `record` is what the disk has.
    var isLoaded = false
    /// `record` is ahead of the disk, within a transaction.
    var isDirty = false
    /// For a directory that was removed while in use: the slot of its parent, kept alive for "..". The use is given
    /// back by `release`.
    var heldParent: Int32?
    var record = InodeRecord()
}

/// The table's memory.
struct InodeParts<M: Monitor> {
    struct State {
        /// Inodes by number, and those without a reference from the one unused longest on.
        let chains: HashChains
        var used: Int32 = 0
    }

    fileprivate let state: Monitored<State, M>
    fileprivate let slots: Table<InodeSlot>
    fileprivate let locks: Table<SleepLock<M>>

    init?<P: FileSystemPlatform>(_ platform: P, count: Int) where P.Lock == M {
        let count = max(count, 50)
        guard let chains = HashChains(platform, count: count, unused: count),
            let state = Monitored(platform, State(chains: chains)),
            let slots = platform.makeTable(count, InodeSlot()), let first = SleepLock<M>(platform),
            let locks = platform.makeTable(count, first)
        else { return nil }
        for index in 1..<count {
            guard let lock = SleepLock<M>(platform) else { return nil }
            locks[index] = lock
        }
        self.state = state
        self.slots = slots
        self.locks = locks
    }
}

/// The table as the rest of the file system uses it.
struct InodeTable<P: FileSystemPlatform> {
    private let system: FileSystem<P>
    private var parts: InodeParts<P.Lock> { system.volume.value.inodes }

    init(_ system: FileSystem<P>) { self.system = system }

    @inline(__always)
    func slot(_ index: Int32) -> Ref<InodeSlot> { parts.slots.ref(Int(index)) }

    @inline(__always)
    func lock(_ index: Int32) -> SleepLock<P.Lock> { parts.locks[index] }

    /// Slots with references; outdated when it returns.
    var used: Int { Int(parts.state.peek { $0.used }) }

    /// A use of an inode by number; its content is loaded when it is first locked.
    /// - Throws: tooManyFilesInSystem if every slot is in use.
    func get(_ number: UInt32) throws(SystemError) -> Inode<P> {
        let slots = parts.slots
        let found = parts.state.withLock { state -> Int32? in
            if let index = state.chains.find(number, where: { slots[$0].number == number }) {
                if slots[index].references == 0 {
                    state.chains.removeUnused(index)
                    state.used += 1
                }
                slots[index].references += 1
                return index
            }
            guard let index = state.chains.takeUnused() else { return nil }
            if slots[index].number != 0 { state.chains.remove(index, key: slots[index].number) }
            slots[index].number = number
            slots[index].references = 1
            slots[index].isLoaded = false
            slots[index].isDirty = false
            state.chains.insert(index, key: number)
            state.used += 1
            return index
        }
        guard let found else { throw .tooManyFilesInSystem }
        return Inode(system, slot: found)
    }

    /// One more reference to an inode that has at least one.
    func retain(_ index: Int32) {
        parts.state.withLock { _ in
            precondition(parts.slots[index].references > 0, "a use is made of an inode without one")
            parts.slots[index].references += 1
        }
    }

    /// Gives a reference back; but not if it is the last one and `keep` holds for the inode.
    /// - Returns: whether it was given back.
    func release(_ index: Int32, unless keep: (borrowing InodeSlot) -> Bool) -> Bool {
        parts.state.withLock { state in
            let slot = parts.slots.ref(Int(index))
            precondition(slot.value.references > 0, "an inode is given back more often than used")
            if slot.value.references == 1 {
                if keep(slot.value) { return false }
                state.used -= 1
                state.chains.appendUnused(index)
            }
            slot.value.references -= 1
            return true
        }
    }

    /// Whether the caller's reference is the only one.
    func isLastReference(_ index: Int32) -> Bool { parts.state.withLock { _ in parts.slots[index].references == 1 } }
}

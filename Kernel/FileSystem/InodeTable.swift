// The inodes in memory: each inode of the disk is here at most once, and whoever uses it holds a reference.
//
// `InodeReference` is one counted use: kept in an open file or as a working directory, passed on with `retain`, given back with
// `release` (Release.swift). A slot without references keeps its content until it is needed for another inode.

import SystemInterface

/// A counted use of an inode. Copying it does not count; whoever keeps a copy calls `FileSystem.retain`.
@frozen
public struct InodeReference: Equatable, Sendable {
    @usableFromInline let slot: Int32

    @usableFromInline
    init(slot: Int32) { self.slot = slot }
}

/// One inode in memory. `number`, `references` and the links are guarded by the table's monitor, the rest by the inode's lock.
struct InodeSlot {
    /// 0 while the slot has never been used.
    var number: UInt32 = 0
    var references: Int32 = 0
    var chain: Int32 = -1
    var older: Int32 = -1
    var newer: Int32 = -1
    /// `record` is what the disk has.
    var isLoaded = false
    /// `record` is ahead of the disk, within a transaction.
    var isDirty = false
    /// For a directory that was removed while in use: its parent, kept alive for "..".
    var heldParent: InodeReference?
    var record = InodeRecord()
}

struct InodeTableState<M: Monitor> {
    let monitor: M
    var used: Int32 = 0
}

/// A handle to the table.
struct InodeTable<P: FileSystemPlatform> {
    let slots: UnsafeMutablePointer<InodeSlot>
    private let locks: UnsafeMutablePointer<SleepLockState<P.Lock>>
    private let state: UnsafeMutablePointer<InodeTableState<P.Lock>>
    private let hash: UnsafeMutablePointer<Int32>
    private let hashMask: UInt32
    private let head: Int32

    init?(platform: P, count: Int) {
        let count = max(count, 50)
        var chains = 64
        while chains < count { chains *= 2 }
        guard let monitor = platform.makeMonitor(),
            let state = platform.table(of: InodeTableState<P.Lock>.self, count: 1),
            let slots = platform.table(of: InodeSlot.self, count: count + 1),
            let locks = platform.table(of: SleepLockState<P.Lock>.self, count: count),
            let hash = platform.table(of: Int32.self, count: chains)
        else { return nil }
        state.initialize(to: InodeTableState(monitor: monitor))
        slots.initialize(repeating: InodeSlot(), count: count + 1)
        hash.initialize(repeating: -1, count: chains)
        for index in 0..<count {
            guard let monitor = platform.makeMonitor() else { return nil }
            (locks + index).initialize(to: SleepLockState(monitor: monitor))
        }
        self.slots = slots
        self.locks = locks
        self.state = state
        self.hash = hash
        hashMask = UInt32(chains - 1)
        head = Int32(count)
        slots[count].older = head
        slots[count].newer = head
        for index in 0..<head { appendFree(index) }
    }

    @inline(__always)
    func slot(_ inode: InodeReference) -> UnsafeMutablePointer<InodeSlot> { slots + Int(inode.slot) }

    @inline(__always)
    func lock(_ inode: InodeReference) -> SleepLock<P.Lock> { SleepLock(state: locks + Int(inode.slot)) }

    /// Slots with references.
    var used: Int { Int(state.pointee.used) }

    /// A reference to an inode by number; its content is loaded when it is first locked.
    /// - Throws: tooManyFilesInSystem if every slot is in use.
    func get(_ number: UInt32) throws(SystemError) -> InodeReference {
        state.pointee.monitor.acquire()
        defer { state.pointee.monitor.release() }
        let chainHead = Int(number & hashMask)
        var index = hash[chainHead]
        while index >= 0, slots[Int(index)].number != number { index = slots[Int(index)].chain }
        if index < 0 {
            index = slots[Int(head)].newer
            guard index != head else { throw .tooManyFilesInSystem }
            renumber(index, number, chainHead)
        }
        retainLocked(index)
        return InodeReference(slot: index)
    }

    func retain(_ inode: InodeReference) {
        state.pointee.monitor.acquire()
        retainLocked(inode.slot)
        state.pointee.monitor.release()
    }

    /// Gives a reference back; but not if it is the last one and `keep` says so of the inode.
    /// - Returns: whether it was given back.
    func release(_ inode: InodeReference, unless keep: (borrowing InodeSlot) -> Bool) -> Bool {
        state.pointee.monitor.acquire()
        defer { state.pointee.monitor.release() }
        let slot = slot(inode)
        if slot.pointee.references == 1 {
            if keep(slot.pointee) { return false }
            state.pointee.used -= 1
            appendFree(inode.slot)
        }
        slot.pointee.references -= 1
        return true
    }

    /// Whether nobody but the caller, who has a reference, uses the inode.
    func isLastReference(_ inode: InodeReference) -> Bool {
        state.pointee.monitor.acquire()
        defer { state.pointee.monitor.release() }
        return slot(inode).pointee.references == 1
    }

    // MARK: With the monitor acquired

    private func retainLocked(_ index: Int32) {
        if slots[Int(index)].references == 0 {
            removeFree(index)
            state.pointee.used += 1
        }
        slots[Int(index)].references += 1
    }

    private func renumber(_ index: Int32, _ number: UInt32, _ chainHead: Int) {
        let slot = slots + Int(index)
        if slot.pointee.number != 0 {
            let oldHead = Int(slot.pointee.number & hashMask)
            if hash[oldHead] == index {
                hash[oldHead] = slot.pointee.chain
            } else {
                var before = hash[oldHead]
                while slots[Int(before)].chain != index { before = slots[Int(before)].chain }
                slots[Int(before)].chain = slot.pointee.chain
            }
        }
        slot.pointee.number = number
        slot.pointee.isLoaded = false
        slot.pointee.isDirty = false
        slot.pointee.chain = hash[chainHead]
        hash[chainHead] = index
    }

    private func appendFree(_ index: Int32) {
        let last = slots[Int(head)].older
        slots[Int(index)].older = last
        slots[Int(index)].newer = head
        slots[Int(last)].newer = index
        slots[Int(head)].older = index
    }

    private func removeFree(_ index: Int32) {
        slots[Int(slots[Int(index)].older)].newer = slots[Int(index)].newer
        slots[Int(slots[Int(index)].newer)].older = slots[Int(index)].older
    }
}

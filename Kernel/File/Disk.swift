// The disk under the file system: virtio-blk, many requests at a time, each caller asleep until its own are done.

import Drivers
import FileSystem
import Machine
import Storage
import Synchronization
import SystemInterface

typealias DiskDriver = VirtIOBlock<VirtIODevice<MappedRegisters>, AnyQueue<KernelDMA>>

/// What one caller waits for. Lies on its stack while its requests are under way; guarded by the disk's lock.
private struct Transfer: ~Copyable {
    var requestsLeft = 0
    var hasFailed = false
    /// The device was given up before it had finished them.
    var isLost = false
    let thread = currentThread
    let waiter = WaitQueue()
}

private typealias TransferRef = Ref<Transfer>

private struct DiskState: ~Copyable {
    var driver: DiskDriver
    /// By token: the transfer that the request belongs to.
    var owners = [256 of TransferRef?](repeating: nil)
    private var patience = DiskPatience()

    init(_ driver: consuming DiskDriver) { self.driver = driver }

    /// Gives up a device that has been silent for too long.
    /// - Returns: what to say of it.
    mutating func lookForSilence() -> StaticString? {
        guard driver.checkDevice(), driver.requestsUnderWay > 0, patience.isOver(at: Clock.ticks) else { return nil }
        driver.giveUp()
        return patience.message
    }

    private var hasOwners: Bool {
        for index in 0..<256 where owners[index] != nil { return true }
        return false
    }

    /// Brings a device back that was given up.
    /// - Returns: whether requests are to be sent again; false for a while after it was tried.
    mutating func revive() -> Bool {
        // One that did not finish has to be told so first.
        guard driver.isBroken, !hasOwners else { return true }
        guard patience.mayRestart(at: Clock.ticks) else { return false }
        do throws(VirtIOError) {
            try driver.restart()
            Disk.stillWrites.store(false, ordering: .relaxed)
            return true
        } catch {
            if patience.isFirstRestart { kprint("disk: \(error.message)\n") }
            return false
        }
    }

    /// Takes what the device has finished, until a caller's requests are all done.
    mutating func collect() -> Collected {
        while let completion = driver.completed() {
            if patience.noteAnswer() { reportAnswer() }
            guard let owner = owners[Int(completion.token.index)].take() else { continue }
            if completion.status != .done { owner.value.hasFailed = true }
            if let thread = finish(owner) { return .finished(thread) }
            return .some
        }
        return driver.isBroken ? failOne() : .nothing
    }

    @inline(never)  // a message's room on the stack, which interrupts do not need
    private func reportAnswer() { kprint("disk: it answers again\n") }

    /// The thread that waits, when that was its last request. Threads stay; the transfer is gone when its thread has
    /// looked.
    private func finish(_ owner: TransferRef) -> ThreadRef? {
        owner.value.requestsLeft -= 1
        return owner.value.requestsLeft == 0 ? owner.value.thread : nil
    }

    /// A device that was given up finishes nothing more: its callers do not wait for it.
    private mutating func failOne() -> Collected {
        Disk.stillWrites.store(driver.mayStillWrite, ordering: .relaxed)
        for index in 0..<256 {
            guard let owner = owners[index].take() else { continue }
            owner.value.hasFailed = true
            owner.value.isLost = true
            return finish(owner).map { .finished($0) } ?? .some
        }
        return .nothing
    }
}

/// What one look at the device found.
private enum Collected {
    case nothing
    /// A request has ended.
    case some
    /// The last request that this thread waits for has ended.
    case finished(ThreadRef)
}

enum Disk {
    private static let state = DeviceLock<DiskState>(.disk)
    private static let interruptSide = BootValue<VirtIOInterrupt<VirtIODevice<MappedRegisters>, KernelDMA>>()
    private static let doorbell = BootValue<VirtIODoorbell<VirtIODevice<MappedRegisters>>>()
    /// 512-byte sectors; 0 without a disk.
    private static let capacity = Atomic<UInt64>(0)
    private static let canFlush = Atomic<Bool>(false)
    private static let segmentLimit = Atomic<Int>(1)
    fileprivate static let stillWrites = Atomic<Bool>(false)
    /// The device was given up, and may still write to the memory of its requests.
    static var mayStillWrite: Bool { stillWrites.load(ordering: .relaxed) }
    /// The last request failed.
    private static let hasFailed = Atomic<Bool>(false)
    /// Callers that found the queue full.
    private static let roomWaiters = WaitQueue()

    static var isPresent: Bool { capacity.load(ordering: .relaxed) > 0 }

    /// Takes over the machine's first disk. Once, during start-up.
    static func start(_ driver: consuming DiskDriver) {
        canFlush.store(driver.canFlush, ordering: .relaxed)
        segmentLimit.store(driver.segmentLimit, ordering: .relaxed)
        interruptSide.start(driver.interrupt)
        doorbell.start(driver.doorbell)
        capacity.store(driver.capacity, ordering: .relaxed)
        state.start(DiskState(driver))
    }

    /// 1024-byte blocks.
    static var blockCount: UInt32 { UInt32(clamping: capacity.load(ordering: .relaxed) / 2) }

    /// Serves the disk's interrupt; false when it was another device's.
    static func interrupt() -> Bool {
        guard isPresent else { return false }
        let cause = interruptSide.value.acknowledge(masking: false)
        if cause.contains(.configuration) { _ = state.withLock { $0.driver.checkDevice() } }
        collect()
        return !cause.isEmpty
    }

    /// Takes all that the device has finished. Each thread is woken outside of the lock, which it takes first.
    private static func collect() {
        var any = false
        while true {
            switch state.withLock({ $0.collect() }) {
            case .nothing:
                if any { roomWaiters.wakeAll() }
                return
            case .some: break
            case .finished(let thread): Scheduler.wake(thread)
            }
            any = true
        }
    }

    /// Moves a set of blocks; returns when all have been moved.
    fileprivate static func move(
        _ operation: BlockOperation, _ count: Int, _ request: (Int) -> BlockRequest
    ) throws(SystemError) {
        let limit = segmentLimit.load(ordering: .relaxed)
        try perform { transfer in
            var done = 0
            while done < count {
                // Neighbours on the disk travel in one request.
                var run = 1
                let first = request(done).block
                while done + run < count, run < limit, request(done + run).block == first &+ UInt32(run) { run += 1 }
                let accepted = submit(operation, sector: UInt64(first) * 2, segments: run, for: transfer) { index in
                    // the block's own bytes, for good
                    unsafe BlockSegment(unsafe: request(done + index).memory.address, byteCount: blockSize)
                }
                guard accepted else { return false }
                done += run
            }
            return true
        }
    }

    fileprivate static func flush() throws(SystemError) {
        guard canFlush.load(ordering: .relaxed) else { return }
        try perform { transfer in
            submit(.flush, sector: 0, segments: 0, for: transfer) { _ in
                // never called
                unsafe BlockSegment(
                    unsafe: UnsafeMutableRawPointer(bitPattern: transfer.bits).unsafelyUnwrapped, byteCount: 0)
            }
        }
    }

    /// Once a second for each caller that waits: an interrupt may have been lost, the device may have failed, and it
    /// may never answer.
    @inline(never)
    private static func lookAgain() {
        InterruptController.lookForLostLines()
        collect()
        if let message = state.withLock({ $0.lookForSilence() }) { kprint("disk: \(message)\n") }
        collect()
    }

    /// Brings a device back that was given up; true when requests are to be sent again.
    private static func revive() -> Bool {
        collect()
        return state.withLock { $0.revive() }
    }

    /// Submits requests through `submitAll`, which returns false if the driver refused one, and waits for those
    /// submitted; all of them again when the device was given up meanwhile and could be brought back.
    /// - Throws: inputOutput.
    @inline(never)
    private static func perform(_ submitAll: (TransferRef) -> Bool) throws(SystemError) {
        var transfer = Transfer()
        let succeeded = unsafe withUnsafeMutablePointer(to: &transfer) { place in
            let transfer = unsafe TransferRef(unsafe: place)  // outlives its requests: this returns when none is left
            repeat {
                transfer.value.hasFailed = false
                transfer.value.isLost = false
                let accepted = submitAll(transfer)
                ringDoorbell()
                awaitAll(of: transfer)
                if accepted && !transfer.value.hasFailed { return true }
            } while transfer.value.isLost && revive()
            return false
        }
        if succeeded { return hasFailed.store(false, ordering: .relaxed) }
        // Not again for each request while all fail.
        if !hasFailed.exchange(true, ordering: .relaxed) { kprint("disk: a request failed\n") }
        throw .inputOutput
    }

    private static func awaitAll(of transfer: TransferRef) {
        var looked = Clock.ticks
        transfer.value.waiter.waitUninterrupted(period: Clock.frequency) {
            let now = Clock.ticks
            if now &- looked >= Clock.frequency {
                looked = now
                lookAgain()
            }
            return state.withLock { _ in transfer.value.requestsLeft == 0 }
        }
    }

    /// Notifies the device once of all that was submitted. Outside of the lock: an emulated device works before the
    /// store to its register is done, and another hart would spin as long for the lock.
    private static func ringDoorbell() {
        if state.withLock({ $0.driver.needsDoorbell() }) { doorbell.value.ring() }
    }

    /// Puts one request into the queue, waiting for room; false if the driver refuses it.
    @inline(never)
    private static func submit(
        _ operation: BlockOperation, sector: UInt64, segments: Int, for transfer: TransferRef,
        _ segment: (Int) -> BlockSegment
    ) -> Bool {
        var accepted = false
        roomWaiters.waitUninterrupted {
            let isDone = state.withLock { state in
                do throws(BlockError) {
                    guard
                        let token = try state.driver.submit(
                            operation, sector: sector, segmentCount: segments, rings: false, segment: segment)
                    else { return false }
                    state.owners[Int(token.index)] = transfer
                    transfer.value.requestsLeft += 1
                    accepted = true
                } catch {
                    transfer.value.isLost = error == .deviceBroken
                    if error != .deviceBroken { kprint("disk: \(error.message)\n") }
                }
                return true
            }
            if !isDone { ringDoorbell() }  // room comes from what the device finishes
            return isDone
        }
        return accepted
    }
}

/// The disk as the file system sees it.
struct KernelDisk: BlockDevice {
    var blockCount: UInt32 { Disk.blockCount }

    func read(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        try Disk.move(.read, count, request)
    }
    func write(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        try Disk.move(.write, count, request)
    }
    func flush() throws(SystemError) { try Disk.flush() }
}

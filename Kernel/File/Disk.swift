// The disk under the file system: virtio-blk, many requests at a time, each caller asleep until its own are done.

import Drivers
import FileSystem
import Machine
import SystemInterface

typealias DiskDriver = VirtIOBlock<VirtIODevice<MappedRegisters>, SplitQueue<KernelDMA>>

/// What one caller waits for: lies on its stack while the requests are under way.
private struct Transfer: ~Copyable {
    var requestsLeft = 0
    var failed = false
    var waiter = WaitQueue()
}

private struct DiskState {
    /// Made once, when the disk is found.
    var driver: UnsafeMutablePointer<DiskDriver>?
    /// By token: whose request it is.
    var owners = [256 of UnsafeMutablePointer<Transfer>?](repeating: nil)
    /// When something was finished last (timebase ticks).
    var progress: UInt64 = 0
}

enum Disk {
    nonisolated(unsafe) private static var state = SpinLock(DiskState())
    nonisolated(unsafe) private static var interruptSide: VirtIOInterrupt<VirtIODevice<MappedRegisters>, KernelDMA>?
    nonisolated(unsafe) private static var capacity: UInt64 = 0
    nonisolated(unsafe) private static var canFlush = false
    nonisolated(unsafe) private static var segmentLimit = 1
    /// Callers that found the queue full.
    nonisolated(unsafe) private static var roomWaiters = WaitQueue()

    /// Seconds after which a disk that finishes nothing is given up: a busy host may need many for a flush.
    private static let patience: UInt64 = 60

    static var isPresent: Bool { capacity > 0 }

    /// Takes over the machine's first disk.
    static func start(_ driver: consuming DiskDriver) {
        capacity = driver.capacity
        canFlush = driver.canFlush
        segmentLimit = driver.segmentLimit
        interruptSide = driver.interrupt
        let place = bootTable(DiskDriver.self, 1)
        place.initialize(to: consume driver)
        state.withLock { $0.driver = place }
    }

    /// 1024-byte blocks.
    static var blockCount: UInt32 { UInt32(clamping: capacity / 2) }

    static func interrupt() {
        let cause = interruptSide?.acknowledge(masking: false) ?? []
        if cause.contains(.configuration) { _ = state.withLock { $0.driver?.pointee.checkDevice() } }
        collect()
    }

    /// Marks what the device has finished, and wakes whose requests are all done. The wake-up happens under the lock: the
    /// transfer lies on the sleeper's stack, and it looks at it under the lock too.
    private static func collect() {
        let any = state.withLock { state in
            var any = false
            while let completion = state.driver?.pointee.completed() {
                any = true
                let index = Int(completion.token.index)
                guard let owner = state.owners[index] else { continue }
                state.owners[index] = nil
                if completion.status != .done { owner.pointee.failed = true }
                finish(owner)
            }
            if any { state.progress = Clock.ticks }
            if state.driver?.pointee.isBroken == true { any = failAll(&state) || any }
            return any
        }
        if any { roomWaiters.wakeAll() }
    }

    private static func finish(_ owner: UnsafeMutablePointer<Transfer>) {
        owner.pointee.requestsLeft -= 1
        if owner.pointee.requestsLeft == 0 { owner.pointee.waiter.wakeAll() }
    }

    /// A device that was given up finishes nothing more: nobody waits for it.
    private static func failAll(_ state: inout DiskState) -> Bool {
        var any = false
        for index in 0..<256 {
            guard let owner = state.owners[index].take() else { continue }
            any = true
            owner.pointee.failed = true
            finish(owner)
        }
        return any
    }

    /// Moves a set of blocks; returns when all have been moved.
    fileprivate static func move(
        _ operation: BlockOperation, _ count: Int, _ request: (Int) -> BlockRequest
    ) throws(SystemError) {
        try perform { transfer in
            var done = 0
            while done < count {
                // Neighbours on the disk travel in one request.
                var run = 1
                let first = request(done).block
                while done + run < count, run < segmentLimit, request(done + run).block == first &+ UInt32(run) { run += 1 }
                let accepted = submit(operation, sector: UInt64(first) * 2, segments: run, for: transfer) { index in
                    BlockSegment(unsafe: request(done + index).memory, byteCount: blockSize)
                }
                guard accepted else { return false }
                done += run
            }
            return true
        }
    }

    fileprivate static func flush() throws(SystemError) {
        guard canFlush else { return }
        try perform { transfer in
            submit(.flush, sector: 0, segments: 0, for: transfer) { _ in
                BlockSegment(unsafe: UnsafeMutableRawPointer(transfer), byteCount: 0)
            }
        }
    }

    /// Once a second for each who waits: an interrupt may have been lost, the device may have failed, and it may never answer.
    @inline(never)
    private static func lookAgain(since began: UInt64) {
        collect()
        let isSilent = state.withLock { state -> Bool in
            guard let driver = state.driver, driver.pointee.checkDevice() else { return false }
            let wait = patience &* Clock.frequency
            let now = Clock.ticks
            guard driver.pointee.requestsUnderWay > 0, now &- began >= wait, now &- state.progress >= wait else { return false }
            driver.pointee.giveUp()
            return true
        }
        if isSilent { kprint("disk: no answer for \(patience) s; it is not used any more\n") }
        collect()
    }

    /// Submits requests through `submitAll`, which returns false if the driver refused one, and waits for those submitted.
    @inline(never)
    private static func perform(_ submitAll: (UnsafeMutablePointer<Transfer>) -> Bool) throws(SystemError) {
        var transfer = Transfer()
        let succeeded = withUnsafeMutablePointer(to: &transfer) { transfer in
            let accepted = submitAll(transfer)
            let began = Clock.ticks
            var looked = began
            transfer.pointee.waiter.waitUninterrupted(period: Clock.frequency) {
                let now = Clock.ticks
                if now &- looked >= Clock.frequency {
                    looked = now
                    lookAgain(since: began)
                }
                return state.withLock { _ in transfer.pointee.requestsLeft == 0 }
            }
            return accepted && !transfer.pointee.failed
        }
        guard succeeded else {
            kprint("disk: a request failed\n")
            throw .inputOutput
        }
    }

    /// Puts one request into the queue, waiting for room; false if the driver refuses it.
    @inline(never)
    private static func submit(
        _ operation: BlockOperation, sector: UInt64, segments: Int, for transfer: UnsafeMutablePointer<Transfer>,
        _ segment: (Int) -> BlockSegment
    ) -> Bool {
        var accepted = false
        roomWaiters.waitUninterrupted {
            state.withLock { state in
                do throws(BlockError) {
                    let token = try state.driver?.pointee.submit(operation, sector: sector, segmentCount: segments, segment: segment)
                    guard let token = token ?? nil else { return false }
                    state.owners[Int(token.index)] = transfer
                    transfer.pointee.requestsLeft += 1
                    accepted = true
                } catch {
                    kprint("disk: \(error.message)\n")
                }
                return true
            }
        }
        return accepted
    }
}

/// The disk as the file system sees it.
struct KernelDisk: BlockDevice {
    var blockCount: UInt32 { Disk.blockCount }

    func read(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) { try Disk.move(.read, count, request) }
    func write(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) { try Disk.move(.write, count, request) }
    func flush() throws(SystemError) { try Disk.flush() }
}

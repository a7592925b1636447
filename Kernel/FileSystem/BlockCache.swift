// The block cache: each block of the disk is in memory at most once, and the least recently used one makes room.
//
// `read` pins the block's buffer and returns it; `release` lets it go, after which its memory must not be touched. A pinned
// buffer stays where it is, and so does one that the log holds. What a buffer contains is guarded not here but by the lock of
// the thing it belongs to: an inode's for its contents and its 64 bytes on the disk, the allocation lock for the bitmap.
//
// An operation pins at most three buffers at once. With 30 more for the log, 222 buffers can never run out under 64 processes;
// with fewer, one that finds none waits for another to let go.

import SystemInterface

/// A pinned block in memory.
struct Buffer {
    let index: Int32
    /// `blockSize` bytes.
    let data: UnsafeMutableRawPointer
}

/// What the cache knows of a buffer; guarded by the cache's monitor, except `logged` (Log.swift).
struct BufferHeader {
    enum State: UInt8 { case empty, reading, valid }

    var block = UInt32.max
    /// Next in the hash chain, -1 at its end.
    var chain: Int32 = -1
    /// Neighbours in the list of free buffers, oldest first; only while `pins` is 0 and the log does not hold it.
    var older: Int32 = -1
    var newer: Int32 = -1
    var pins: Int32 = 0
    var state = State.empty
    /// Part of the transaction under way.
    var logged = false
}

struct BlockCacheState<M: Monitor> {
    let monitor: M
    var waiting: Int32 = 0
}

/// A handle to the cache.
struct BlockCache<P: FileSystemPlatform> {
    static var fewestBuffers: Int { 64 }

    let device: P.Device
    let size: UInt32
    private let state: UnsafeMutablePointer<BlockCacheState<P.Lock>>
    /// One a buffer, and a last one as head of the free list.
    let headers: UnsafeMutablePointer<BufferHeader>
    private let memory: UnsafeMutableRawPointer
    private let hash: UnsafeMutablePointer<Int32>
    private let hashMask: UInt32
    private let head: Int32

    /// - Parameter size: blocks of the disk; others cannot be read.
    init?(platform: P, buffers: Int, size: UInt32) {
        let count = max(buffers, Self.fewestBuffers)
        var slots = 64
        while slots < count { slots *= 2 }
        guard let monitor = platform.makeMonitor(),
            let state = platform.table(of: BlockCacheState<P.Lock>.self, count: 1),
            let headers = platform.table(of: BufferHeader.self, count: count + 1),
            let hash = platform.table(of: Int32.self, count: slots),
            let memory = platform.allocate(byteCount: count * blockSize, alignment: blockSize)
        else { return nil }
        state.initialize(to: BlockCacheState(monitor: monitor))
        headers.initialize(repeating: BufferHeader(), count: count + 1)
        hash.initialize(repeating: -1, count: slots)
        self.device = platform.device
        self.size = size
        self.state = state
        self.headers = headers
        self.hash = hash
        self.memory = memory
        hashMask = UInt32(slots - 1)
        head = Int32(count)
        headers[count].older = head
        headers[count].newer = head
        for index in 0..<head { appendFree(index) }
    }

    @inline(__always)
    func data(of index: Int32) -> UnsafeMutableRawPointer { memory + Int(index) * blockSize }

    /// Pins a block, from the disk if it is not in memory.
    /// - Throws: inputOutput if there is no such block or it cannot be read.
    func read(_ block: UInt32) throws(SystemError) -> Buffer {
        guard block < size else { throw .inputOutput }
        let index = pin(block)
        if headers[Int(index)].state != .valid { try fetch(index, block) }
        state.pointee.monitor.release()
        return Buffer(index: index, data: data(of: index))
    }

    /// Pins a block whose old content does not matter; it reads as zeros. The caller is the only one who uses it.
    func zeroed(_ block: UInt32) throws(SystemError) -> Buffer {
        guard block < size else { throw .inputOutput }
        let index = pin(block)
        while headers[Int(index)].state == .reading { wait() }
        headers[Int(index)].state = .valid
        state.pointee.monitor.release()
        clearBlock(data(of: index))
        return Buffer(index: index, data: data(of: index))
    }

    func release(_ buffer: Buffer) {
        state.pointee.monitor.acquire()
        unpin(buffer.index)
        state.pointee.monitor.release()
    }

    /// The log has written these `count` buffers home: they are free unless pinned.
    func unlog(_ count: Int, _ indexAt: (Int) -> Int32) {
        state.pointee.monitor.acquire()
        for position in 0..<count {
            let index = indexAt(position)
            headers[Int(index)].logged = false
            if headers[Int(index)].pins == 0 { appendFree(index) }
        }
        wakeWaiting()
        state.pointee.monitor.release()
    }

    // MARK: With the monitor acquired

    /// Finds the block's buffer or claims one for it, and pins it. Acquires the monitor and leaves it acquired.
    @inline(__always)
    private func pin(_ block: UInt32) -> Int32 {
        let slot = Int(block & hashMask)
        state.pointee.monitor.acquire()
        while true {
            var index = hash[slot]
            while index >= 0, headers[Int(index)].block != block { index = headers[Int(index)].chain }
            if index >= 0 {
                if headers[Int(index)].pins == 0, !headers[Int(index)].logged { removeFree(index) }
                headers[Int(index)].pins += 1
                return index
            }
            index = headers[Int(head)].newer
            if index != head {
                claim(index, for: block, slot: slot)
                return index
            }
            wait()
        }
    }

    private func claim(_ index: Int32, for block: UInt32, slot: Int) {
        removeFree(index)
        let old = headers[Int(index)].block
        if old != .max {
            let oldSlot = Int(old & hashMask)
            if hash[oldSlot] == index {
                hash[oldSlot] = headers[Int(index)].chain
            } else {
                var before = hash[oldSlot]
                while headers[Int(before)].chain != index { before = headers[Int(before)].chain }
                headers[Int(before)].chain = headers[Int(index)].chain
            }
        }
        headers[Int(index)].block = block
        headers[Int(index)].state = .empty
        headers[Int(index)].pins = 1
        headers[Int(index)].chain = hash[slot]
        hash[slot] = index
    }

    /// Waits until the pinned block has arrived, or brings it in. Throws with the monitor released and the pin gone.
    private func fetch(_ index: Int32, _ block: UInt32) throws(SystemError) {
        while headers[Int(index)].state == .reading { wait() }
        if headers[Int(index)].state == .valid { return }
        headers[Int(index)].state = .reading
        state.pointee.monitor.release()
        var failure: SystemError?
        let place = data(of: index)
        do throws(SystemError) {
            try device.read(1) { _ in BlockRequest(block: block, memory: place) }
        } catch {
            failure = error
        }
        state.pointee.monitor.acquire()
        headers[Int(index)].state = failure == nil ? .valid : .empty
        wakeWaiting()
        if let failure {
            unpin(index)
            state.pointee.monitor.release()
            throw failure
        }
    }

    @inline(__always)
    private func unpin(_ index: Int32) {
        headers[Int(index)].pins -= 1
        if headers[Int(index)].pins == 0, !headers[Int(index)].logged {
            appendFree(index)
            wakeWaiting()
        }
    }

    @inline(__always)
    private func wakeWaiting() {
        if state.pointee.waiting > 0 { state.pointee.monitor.wakeAll() }
    }

    @inline(never)
    private func wait() {
        state.pointee.waiting += 1
        state.pointee.monitor.wait()
        state.pointee.waiting -= 1
    }

    @inline(__always)
    private func appendFree(_ index: Int32) {
        let last = headers[Int(head)].older
        headers[Int(index)].older = last
        headers[Int(index)].newer = head
        headers[Int(last)].newer = index
        headers[Int(head)].older = index
    }

    @inline(__always)
    private func removeFree(_ index: Int32) {
        let older = headers[Int(index)].older
        let newer = headers[Int(index)].newer
        headers[Int(older)].newer = newer
        headers[Int(newer)].older = older
    }
}

extension FileSystemPlatform {
    /// Memory for `count` values, not initialised.
    func table<T>(of type: T.Type, count: Int) -> UnsafeMutablePointer<T>? {
        allocate(byteCount: MemoryLayout<T>.stride * count, alignment: max(MemoryLayout<T>.alignment, 8))?
            .bindMemory(to: T.self, capacity: count)
    }
}

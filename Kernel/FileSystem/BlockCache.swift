// The block cache: each block of the disk is in memory at most once, and the least recently used one makes room.
//
// `read` pins the block's buffer and returns a `Buffer`, whose end lets it go. A pinned buffer stays where it is, and
// so does one that the log holds. What a buffer contains is guarded not here but by the lock of the thing it belongs
// to: an inode's for its contents and its 64 bytes on the disk, the allocation lock for the bitmap.
//
// An operation pins at most three buffers at once, or eight that it need not wait for. With 30 more for the log, 286
// buffers can never run out under 64 processes; with fewer, one that finds none waits for another to let go. There are
// few at first; more come and go with memory that is free (BlockPages.swift).

import Storage
import SystemInterface

/// A pinned block in memory; its end unpins it.
struct Buffer<P: FileSystemPlatform>: ~Copyable {
    fileprivate let cache: BlockCache<P>
    let index: Int32

    fileprivate init(_ cache: BlockCache<P>, _ index: Int32) {
        self.cache = cache
        self.index = index
    }

    deinit { cache.unpin(index) }

    /// Works on the block's 1024 bytes.
    @inline(__always)
    func withBytes<R: ~Copyable, E: Error>(_ body: (inout MutableRawSpan) throws(E) -> R) throws(E) -> R {
        try cache.memory(index).withBytes(body)
    }
}

/// Up to eight numbers of blocks, or of their buffers.
struct BlockRun {
    static var most: Int { 8 }

    private var numbers = InlineArray<8, UInt32>(repeating: 0)
    private(set) var count = 0

    mutating func append(_ number: UInt32) {
        numbers[count] = number
        count += 1
    }

    subscript(index: Int) -> UInt32 { numbers[index] }
}

/// Pinned blocks in memory; their end unpins all of them at once.
struct Buffers<P: FileSystemPlatform>: ~Copyable {
    private let cache: BlockCache<P>
    private let indexes: BlockRun

    fileprivate init(_ cache: BlockCache<P>, _ indexes: BlockRun) {
        self.cache = cache
        self.indexes = indexes
    }

    deinit { cache.unpin(indexes) }

    var count: Int { indexes.count }

    /// The memory of a block that is pinned.
    func memory(_ index: Int) -> BlockMemory { cache.memory(Int32(bitPattern: indexes[index])) }
}

/// What the cache knows of a buffer; guarded by the cache's monitor, except `isLogged` (Log.swift).
struct BufferHeader {
    enum State: UInt8 { case empty, reading, valid }

    var block = UInt32.max
    var pins: Int32 = 0
    var state = State.empty
    /// Part of the transaction under way.
    var isLogged = false
}

/// The cache's tables.
struct BlockCacheParts<M: Monitor> {
    struct State {
        let headers: Table<BufferHeader>
        /// Buffers by block, and those that are neither pinned nor logged from the one unused longest on.
        let chains: HashChains
        var pages: BlockPages
        /// Callers that wait for a buffer to become unused, and for a block under way from the disk.
        var waitingForBuffer: Int32 = 0
        var waitingForBlock: Int32 = 0
    }

    let state: Monitored<State, M>
    fileprivate let blocks: BlockPlaces

    init?<P: FileSystemPlatform>(_ platform: P, buffers: Int) where P.Lock == M {
        let places = (max(buffers, BlockCache<P>.fewestBuffers) + 3) / 4
        let first = min(places, BlockPages.fewest)
        guard let headers = platform.makeTable(4 * places, BufferHeader()),
            let chains = HashChains(platform, count: 4 * places, unused: 4 * first),
            let blocks = BlockPlaces(platform, pages: places, first: first),
            let state = Monitored(
                platform, State(headers: headers, chains: chains, pages: BlockPages(blocks, present: first)))
        else { return nil }
        self.state = state
        self.blocks = blocks
    }
}

/// The cache as the rest of the file system uses it.
struct BlockCache<P: FileSystemPlatform> {
    static var fewestBuffers: Int { 64 }

    let system: FileSystem<P>
    var parts: BlockCacheParts<P.Lock> { system.volume.value.cache }
    private var device: P.Device { system.platform.device }
    private var size: UInt32 { system.layout.size }

    init(_ system: FileSystem<P>) { self.system = system }

    /// A buffer's memory.
    @inline(__always)
    func memory(_ index: Int32) -> BlockMemory { parts.blocks[Int(index)] }

    /// Pins a block, from the disk if it is not in memory.
    /// - Throws: inputOutput if there is no such block or it cannot be read.
    func read(_ block: UInt32) throws(SystemError) -> Buffer<P> {
        guard block < size else { throw .inputOutput }
        let (index, isValid) = pin(block)
        if !isValid { try fetch(index, block) }
        return Buffer(self, index)
    }

    /// Pins the first blocks of a run, up to a missing one or one that is not in memory, under one acquisition of the monitor; never waits.
    func readCached(_ blocks: BlockRun) -> Buffers<P> {
        var indexes = BlockRun()
        parts.state.withLock { state in
            for place in 0..<blocks.count {
                let block = blocks[place]
                guard block != 0, let index = state.chains.find(block, where: { state.headers[$0].block == block }),
                    state.headers[index].state == .valid
                else { return }
                Self.take(index, &state)
                indexes.append(UInt32(bitPattern: index))
            }
        }
        return Buffers(self, indexes)
    }

    @inline(__always)
    private static func take(_ index: Int32, _ state: inout BlockCacheParts<P.Lock>.State) {
        let header = state.headers.ref(Int(index))
        if header.value.pins == 0, !header.value.isLogged { state.chains.removeUnused(index) }
        header.value.pins += 1
    }

    /// Pins a block whose old content does not matter; it reads as zeros. The caller is the only one that uses it.
    func zeroed(_ block: UInt32) throws(SystemError) -> Buffer<P> {
        guard block < size else { throw .inputOutput }
        let (index, _) = pin(block)
        var isCounted = false
        parts.state.wait { state -> Void? in
            let isReading = state.headers[index].state == .reading
            state.waitingForBlock += Self.change(of: &isCounted, to: isReading)
            if isReading { return nil }
            state.headers[index].state = .valid
            return ()
        }
        memory(index).withBytes { $0.clear() }
        return Buffer(self, index)
    }

    /// Marks a buffer as part of the transaction under way.
    /// - Returns: its block, and whether it was no part of it before.
    func setLogged(_ buffer: borrowing Buffer<P>) -> (block: UInt32, isNew: Bool) {
        parts.state.withLock { state in
            let header = state.headers.ref(Int(buffer.index))
            let isNew = !header.value.isLogged
            header.value.isLogged = true
            return (header.value.block, isNew)
        }
    }

    /// Whether a buffer is part of the transaction under way. For a caller inside a transaction.
    func isLogged(_ buffer: borrowing Buffer<P>) -> Bool { parts.state.peek { $0.headers[buffer.index].isLogged } }

    /// Frees buffers that the log has written home, unless they are pinned.
    func unlog(_ count: Int, _ indexAt: (Int) -> Int32) {
        parts.state.withLockWaking { state, wakes in
            for position in 0..<count {
                let index = indexAt(position)
                state.headers[index].isLogged = false
                if state.headers[index].pins == 0 { state.chains.appendUnused(index) }
            }
            wakes = state.waitingForBuffer > 0
        }
    }

    /// Notes whether a caller is counted among those that wait; returns by how much the count changes.
    private static func change(of isCounted: inout Bool, to waits: Bool) -> Int32 {
        defer { isCounted = waits }
        return (waits ? 1 : 0) - (isCounted ? 1 : 0)
    }

    /// Finds the block's buffer or claims one for it, and pins it.
    @inline(__always)
    private func pin(_ block: UInt32) -> (index: Int32, isValid: Bool) {
        var isFull = false
        while true {
            if let result = pin(block, isFull: isFull) { return result }
            isFull = !grow()
        }
    }

    /// The same; nil when there could be a buffer more and `isFull` is not set.
    @inline(__always)
    private func pin(_ block: UInt32, isFull: Bool) -> (index: Int32, isValid: Bool)? {
        var isCounted = false
        return parts.state.wait { state -> (Int32, Bool)?? in
            if isCounted { state.waitingForBuffer += Self.change(of: &isCounted, to: false) }
            if let index = state.chains.find(block, where: { state.headers[$0].block == block }) {
                Self.take(index, &state)
                return (index, state.headers[index].state == .valid)
            }
            if !isFull, state.couldGrow { return .some(nil) }
            guard let index = state.chains.takeUnused() else {
                state.waitingForBuffer += Self.change(of: &isCounted, to: true)
                return nil
            }
            let header = state.headers.ref(Int(index))
            if header.value.block != .max { state.chains.remove(index, key: header.value.block) }
            header.value.block = block
            header.value.state = .empty
            header.value.pins = 1
            state.chains.insert(index, key: block)
            return (index, false)
        }
    }

    /// Waits until the pinned block has arrived, or reads it. If this throws, the pin is gone.
    @inline(never)
    private func fetch(_ index: Int32, _ block: UInt32) throws(SystemError) {
        var isCounted = false
        let isOurs = parts.state.wait { state -> Bool? in
            state.waitingForBlock += Self.change(of: &isCounted, to: state.headers[index].state == .reading)
            switch state.headers[index].state {
            case .reading: return nil
            case .valid: return false
            case .empty:
                state.headers[index].state = .reading
                return true
            }
        }
        guard isOurs else { return }
        var failure: SystemError?
        do throws(SystemError) {
            try device.read(1) { _ in BlockRequest(block: block, memory: memory(index)) }
        } catch {
            failure = error
        }
        parts.state.withLockWaking { state, wakes in
            state.headers[index].state = failure == nil ? .valid : .empty
            wakes = state.waitingForBlock > 0
        }
        if let failure {
            unpin(index)
            throw failure
        }
    }

    @inline(never)
    fileprivate func unpin(_ index: Int32) {
        parts.state.withLockWaking { state, wakes in
            Self.put(index, &state)
            wakes = state.waitingForBuffer > 0
        }
    }

    @inline(never)
    fileprivate func unpin(_ indexes: BlockRun) {
        parts.state.withLockWaking { state, wakes in
            for place in 0..<indexes.count { Self.put(Int32(bitPattern: indexes[place]), &state) }
            wakes = state.waitingForBuffer > 0
        }
    }

    @inline(__always)
    private static func put(_ index: Int32, _ state: inout BlockCacheParts<P.Lock>.State) {
        let header = state.headers.ref(Int(index))
        header.value.pins -= 1
        precondition(header.value.pins >= 0, "a buffer is unpinned more often than pinned")
        if header.value.pins == 0, !header.value.isLogged { state.chains.appendUnused(index) }
    }
}

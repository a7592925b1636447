// One split virtqueue (VirtIO 1.2, section 2.7): descriptor table, available ring, used ring.
//
// Promise: a chain is added whole or not at all; what the device says in the used ring is checked against what it was given, and a
// false id, length or index is counted, never followed. The driver's own book-keeping never reads back what the device could have changed.
// Layout: contiguous, used ring on the next page, as a legacy device wants it and a modern one accepts.

/// What a device gave back.
public struct UsedChain {
    /// The first descriptor of the chain: its name while the device held it.
    public let head: UInt16
    /// Bytes the device says it wrote; at most what was writable.
    public let length: UInt32
    /// The device claimed more than was writable; `length` is cut to that.
    public let isLengthFalse: Bool
    /// Descriptors in the chain.
    public let count: UInt16
}

/// A chain being built: `startChain`, `append` as often as promised, `submit`.
public struct VirtqueueChain {
    public let head: UInt16
    let count: UInt16
    var remaining: UInt16
    var writable: UInt32 = 0
    /// Where the next descriptor goes, of a chain in a table of its own.
    var table: UnsafeMutableRawPointer?
}

/// What driver and device agreed on about their queues.
public struct VirtqueueOptions {
    /// VIRTIO_F_EVENT_IDX.
    public var usesEventIndex = false
    /// Descriptors of the longest chain in a table of its own (VIRTIO_F_INDIRECT_DESC); 0: none.
    public var indirectCapacity = 0

    public init() {}
}

public struct Virtqueue<Memory: DMA>: ~Copyable {
    /// The greatest queue size used; a device that offers more gets this.
    public static var greatestSize: Int { 256 }

    let memory: Memory
    let index: UInt16
    /// Entries, a power of two.
    public let size: UInt16
    let descriptors, available, used: UnsafeMutableRawPointer
    let usesEventIndex: Bool
    /// By head: a table of `indirectCapacity` descriptors.
    let tables: UnsafeMutableRawPointer
    let indirectCapacity: Int

    // Private book-keeping, by descriptor; the device never learns where it lies. Every index is checked against `size` where it enters.
    let next: UnsafeMutablePointer<UInt16>  // free list, and links of chains that are out
    let chainCount: UnsafeMutablePointer<UInt16>  // by head: descriptors of a chain that the device holds, else 0
    let chainWritable: UnsafeMutablePointer<UInt32>  // by head: bytes that the device may write
    var freeHead: UInt16 = 0
    public private(set) var freeCount: UInt16
    var availableIndex: UInt16 = 0
    var lastUsed: UInt16 = 0
    /// `availableIndex` when the device was last told, or found not to want to be.
    var kickedIndex: UInt16 = 0

    /// Used elements whose id named nothing that the device held.
    public private(set) var badUsedIDs = 0
    /// Used elements that claimed more bytes than were writable.
    public private(set) var badUsedLengths = 0
    /// The device moved used.idx by more than it was given: nothing it says is believed any more.
    public private(set) var isBroken = false

    /// Allocates the rings and tells the device. Between FEATURES_OK and DRIVER_OK.
    public init<Transport: VirtIOTransport>(
        _ index: UInt16, of transport: Transport, in memory: Memory, options: VirtqueueOptions = VirtqueueOptions()
    ) throws(VirtIOError) {
        let capacity = transport.queueCapacity(index)
        guard capacity != 0 else { throw transport.refuse(.queueUnavailable) }
        guard !transport.isQueueInUse(index) else { throw transport.refuse(.queueInUse) }
        // A legacy device over PCI fixes the size; over MMIO, and every modern one, takes any power of two up to its greatest.
        let size = min(capacity, UInt32(Self.greatestSize))
        guard size >= 2, size & (size - 1) == 0 else { throw transport.refuse(.queueTooSmall) }
        let entries = Int(size)
        let availableOffset = 16 * entries
        let usedOffset = (availableOffset + 6 + 2 * entries + 4095) & ~4095
        let byteCount = (usedOffset + 6 + 8 * entries + 4095) & ~4095
        guard let base = memory.allocate(byteCount: byteCount),
            let own = memory.allocate(byteCount: 8 * entries),
            let tables = options.indirectCapacity == 0 ? base : memory.allocate(byteCount: 16 * options.indirectCapacity * entries)
        else { throw transport.refuse(.noMemory) }

        guard transport.enableQueue(
            index, size: UInt16(size), descriptors: memory.deviceAddress(of: base),
            available: memory.deviceAddress(of: base + availableOffset), used: memory.deviceAddress(of: base + usedOffset))
        else { throw transport.refuse(.queueUnreachable) }

        self.memory = memory
        self.index = index
        self.size = UInt16(size)
        descriptors = base
        available = base + availableOffset
        used = base + usedOffset
        usesEventIndex = options.usesEventIndex
        indirectCapacity = options.indirectCapacity
        self.tables = tables
        freeCount = UInt16(size)
        chainWritable = own.bindMemory(to: UInt32.self, capacity: entries)
        next = (own + 4 * entries).bindMemory(to: UInt16.self, capacity: entries)
        chainCount = (own + 6 * entries).bindMemory(to: UInt16.self, capacity: entries)
        for i in 0..<entries { next[i] = UInt16(truncatingIfNeeded: (i + 1) & (entries - 1)) }
    }

    // MARK: Driver to device

    /// Places in the ring that a chain of so many descriptors takes.
    @inline(__always)
    public func placesNeeded(_ count: UInt16) -> UInt16 { count > 1 && Int(count) <= indirectCapacity ? 1 : count }

    /// Reserves a chain of so many descriptors; nil when fewer are free. All of them must then be appended, and the chain submitted.
    @inline(__always)
    public mutating func startChain(count: UInt16) -> VirtqueueChain? {
        let places = placesNeeded(count)
        guard count > 0, places <= freeCount, !isBroken else { return nil }
        freeCount &-= places
        var chain = VirtqueueChain(head: freeHead, count: places, remaining: count)
        if places < count { startTable(of: &chain) }
        return chain
    }

    /// The chain's one place in the ring points to its table (VIRTQ_DESC_F_INDIRECT).
    private mutating func startTable(of chain: inout VirtqueueChain) {
        freeHead = next[Int(chain.head)]
        let table = tables + 16 &* indirectCapacity &* Int(chain.head)
        chain.table = table
        let entry = descriptors + 16 &* Int(chain.head)
        memory.store64(memory.deviceAddress(of: table), entry)
        memory.store64(UInt64(chain.remaining) &* 16 | 4 << 32, entry + 8)
    }

    /// Writes the next descriptor. Those that the device writes come after those that it reads (section 2.7.4.2).
    /// - Returns: its number.
    @inline(__always) @discardableResult
    public mutating func append(_ address: UInt64, byteCount: UInt32, _ direction: DMADirection, to chain: inout VirtqueueChain) -> UInt16 {
        precondition(chain.remaining > 0)
        chain.remaining &-= 1
        if let table = chain.table { return append(address, byteCount, direction, in: table, to: &chain) }
        let number = freeHead
        freeHead = next[Int(number)]
        let entry = descriptors + 16 &* Int(number)
        var flags: UInt64 = chain.remaining > 0 ? 1 : 0  // VIRTQ_DESC_F_NEXT
        if direction == .deviceWrites {
            flags |= 2  // VIRTQ_DESC_F_WRITE
            chain.writable &+= byteCount
        }
        memory.store64(address, entry)
        memory.store64(UInt64(byteCount) | flags << 32 | UInt64(freeHead) << 48, entry + 8)
        return number
    }

    private mutating func append(
        _ address: UInt64, _ byteCount: UInt32, _ direction: DMADirection, in table: UnsafeMutableRawPointer,
        to chain: inout VirtqueueChain
    ) -> UInt16 {
        var flags: UInt64 = chain.remaining > 0 ? 1 : 0
        if direction == .deviceWrites {
            flags |= 2
            chain.writable &+= byteCount
        }
        let start = tables + 16 &* indirectCapacity &* Int(chain.head)
        let number = UInt64((table - start) / 16)
        memory.store64(address, table)
        memory.store64(UInt64(byteCount) | flags << 32 | (number + 1) << 48, table + 8)
        chain.table = table + 16
        return chain.head
    }

    /// Puts a finished chain into the available ring; the device may take it at once, and is told by `kick`.
    @inline(__always)
    public mutating func submit(_ chain: VirtqueueChain) {
        precondition(chain.remaining == 0)
        chainCount[Int(chain.head)] = chain.count
        chainWritable[Int(chain.head)] = chain.writable
        memory.store16(chain.head, available + 4 + 2 &* Int(availableIndex & (size &- 1)))
        availableIndex &+= 1
        memory.orderStores()  // the entry before the index that publishes it
        memory.store16(availableIndex, available + 2)
    }

    /// Notifies the device of what was submitted, unless it said that it looks by itself: by used.flags NO_NOTIFY, or by an
    /// avail_event that was not passed.
    @inline(__always)
    public mutating func kick<Transport: VirtIOTransport>(_ transport: Transport) {
        memory.orderAll()  // avail.idx before the device's wish is read, and before the device register is written
        if usesEventIndex {
            let event = memory.load16(used + 4 + 8 &* Int(size))
            let isPassed = availableIndex &- event &- 1 < availableIndex &- kickedIndex
            kickedIndex = availableIndex
            if isPassed { transport.notify(index) }
        } else if memory.load16(used) & 1 == 0 {
            transport.notify(index)
        }
    }

    // MARK: Device to driver

    /// Whether the device has given something back that was not taken yet.
    @inline(__always)
    public var hasUsed: Bool { memory.load16(used + 2) != lastUsed && !isBroken }

    /// Takes the next chain that the device is done with, and frees its descriptors.
    @inline(__always)
    public mutating func popUsed() -> UsedChain? {
        while true {
            let published = memory.load16(used + 2)
            guard published != lastUsed, !isBroken else { return nil }
            guard published &- lastUsed <= size else {
                isBroken = true
                return nil
            }
            memory.orderLoads()  // the index before the entry it publishes
            let element = used + 4 + 8 &* Int(lastUsed & (size &- 1))
            let id = memory.load32(element)
            let length = memory.load32(element + 4)
            lastUsed &+= 1
            guard id < UInt32(size), chainCount[Int(id)] != 0 else {
                badUsedIDs += 1
                continue
            }
            return release(UInt16(truncatingIfNeeded: id), length)
        }
    }

    @inline(__always)
    private mutating func release(_ head: UInt16, _ claimed: UInt32) -> UsedChain {
        let count = chainCount[Int(head)]
        let writable = chainWritable[Int(head)]
        chainCount[Int(head)] = 0
        var last = head
        var left = count
        while left > 1 {
            last = next[Int(last)]
            left &-= 1
        }
        next[Int(last)] = freeHead
        freeHead = head
        freeCount &+= count
        if claimed > writable { badUsedLengths += 1 }
        return UsedChain(head: head, length: min(claimed, writable), isLengthFalse: claimed > writable, count: count)
    }

    /// The descriptor after this one in a chain; good until the next `startChain`.
    public func descriptor(after number: UInt16) -> UInt16 { next[Int(number)] }

    /// The device has given back as many chains as it was given, by whatever name.
    public var isAllBack: Bool { Int16(bitPattern: lastUsed &- availableIndex) >= 0 }

    /// Nothing the device says is believed any more.
    public mutating func breakOff() { isBroken = true }

    // MARK: Interrupts

    /// Where an interrupt handler may set NO_INTERRUPT, of a queue without event index.
    public var interruptMask: VirtqueueInterruptMask<Memory> { VirtqueueInterruptMask(memory: memory, flags: available) }

    /// Asks the device for silence: a hint. With the event index it is an index so far away that it is passed once in 32,768 chains.
    @inline(__always)
    public func maskInterrupts() {
        if usesEventIndex { setUsedEvent(lastUsed &+ 0x8000) } else { interruptMask.set(masked: true) }
    }

    /// Lets the device interrupt again, and looks once more.
    /// - Returns: true when something arrived meanwhile, perhaps without an interrupt: drain again.
    @inline(__always)
    public func unmaskInterrupts() -> Bool {
        if usesEventIndex { setUsedEvent(lastUsed) } else { interruptMask.set(masked: false) }
        memory.orderAll()  // the flag before the last look
        return hasUsed
    }

    /// used_event: the device interrupts when it has used this entry.
    @inline(__always)
    private func setUsedEvent(_ index: UInt16) { memory.store16(index, available + 4 + 2 &* Int(size)) }
}

/// The avail.flags word of one queue: a hint to the device, single stores, usable without a lock.
public struct VirtqueueInterruptMask<Memory: DMA> {
    let memory: Memory
    let flags: UnsafeMutableRawPointer

    @inline(__always)
    public func set(masked: Bool) { memory.store16(masked ? 1 : 0, flags) }  // VIRTQ_AVAIL_F_NO_INTERRUPT
}

// What a packed virtqueue gets back: used chains, each checked against what the device was given.

extension PackedQueue {
    @inline(__always)
    public var hasUsed: Bool { (batch.isOpen || flags(usedPosition) == used(usedPosition)) && !isBroken }

    @inline(__always)
    public mutating func popUsed() -> UsedChain? {
        if isInOrder { return popBatch() }
        guard let used = takeUsed() else { return nil }
        free(used)
        return used
    }

    @inline(__always)
    public var renewsChains: Bool { !isInOrder }

    @inline(__always)
    public mutating func takeUsed() -> UsedChain? {
        guard let entry = nextUsed() else { return nil }
        return used(entry.id, entry.length)
    }

    /// The used descriptor at the next place; nil when there is none, or none of a chain that is out.
    @inline(__always)
    private mutating func nextUsed() -> (id: UInt16, length: UInt32)? {
        let flags = flags(usedPosition)
        guard flags == used(usedPosition), !isBroken else {
            if flags != offered(usedPosition), chainsOut != 0, !isBroken { lose() }
            return nil
        }
        memory.orderLoads()  // the flags before what they vouch for
        let id = ring.load16(Int(usedPosition), PackedDescriptor.id)
        let length = ring.load32(Int(usedPosition), PackedDescriptor.length)
        let places = id < size ? records[id].places : 0
        guard places != 0, places <= availablePosition &- usedPosition else {
            lose()
            return nil
        }
        return (id, length)
    }

    /// The next chain of a batch: its id is its place.
    @inline(never)
    private mutating func popBatch() -> UsedChain? {
        if !batch.isOpen {
            guard let entry = nextUsed() else { return nil }
            batch = UsedBatch(isOpen: true, last: entry.id, length: entry.length)
        }
        guard !isBroken else { return nil }
        let head = usedPosition & (size &- 1)
        batch.isOpen = head != batch.last
        let used = used(head, batch.isOpen ? records[head].writable : batch.length)
        records[head].places = 0
        freeCount &+= used.count
        return used
    }

    /// What the device wrote fits nothing that it was given. How many places it passed, and so where its next used one
    /// lies, only the true id would say.
    @inline(never)
    private mutating func lose() {
        badUsedIDs += 1
        isBroken = true
    }

    // Never inlined: once a second.
    @inline(never)
    public mutating func lookForFalsePlaces() {
        var isElsewhere = false
        for i in 1..<size where flags(usedPosition &+ i) == used(usedPosition &+ i) { isElsewhere = true }
        memory.orderLoads()  // what was used meanwhile was used here first
        if isElsewhere, flags(usedPosition) != used(usedPosition), !isBroken { lose() }
    }

    /// A chain that is back, with what the device claims to have written. The device goes on behind it.
    @inline(__always)
    private mutating func used(_ head: UInt16, _ claimed: UInt32) -> UsedChain {
        let writable = records[head].writable
        let places = records[head].places
        usedPosition &+= places
        chainsOut &-= 1
        if claimed > writable { badUsedLengths += 1 }
        return UsedChain(head: head, length: min(claimed, writable), isLengthFalse: claimed > writable, count: places)
    }

    @inline(__always)
    public mutating func free(_ used: UsedChain) {
        records[used.head].places = 0
        var last = used.head
        var left = used.count
        while left > 1 {
            last = records[last].next
            left &-= 1
        }
        records[last].next = freeHead
        freeHead = used.head
        freeCount &+= used.count
    }

    @inline(__always)
    public mutating func renew(
        _ used: UsedChain, _ address: UInt64, byteCount: UInt32, _ direction: DMADirection
    ) {
        precondition(used.count == 1 && renewsChains, "a packed chain of several descriptors was renewed")
        let flags = direction == .deviceWrites ? DescriptorFlags.write.rawValue : 0
        if direction == .deviceWrites { records[used.head].writable = byteCount }
        ring.store64(address, Int(availablePosition), PackedDescriptor.address)
        memory.orderStores()  // the address before the flags that give it away
        ring.store64(
            PackedDescriptor.word(length: byteCount, id: used.head, flags: flags | offered(availablePosition)),
            Int(availablePosition), PackedDescriptor.lengthIDFlags)
        availablePosition &+= 1
        chainsOut &+= 1
    }

    @inline(__always)
    public mutating func repeatChain(
        _ used: UsedChain, _ buffer: @autoclosure () -> DMABuffer<Memory>, _ direction: DMADirection
    ) {
        let buffer = buffer()
        renew(
            used, buffer.deviceAddress, byteCount: UInt32(truncatingIfNeeded: buffer.byteCount), direction)
    }

    /// Each descriptor's flags have done it.
    @inline(__always)
    public mutating func publishRenewed() {}

    public func descriptor(after number: UInt16) -> UInt16 { records[number].next }

    public var isAllBack: Bool { chainsOut == 0 }

    public mutating func breakOff() { isBroken = true }
}

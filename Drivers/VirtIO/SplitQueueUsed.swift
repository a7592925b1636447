// What a split virtqueue gets back: used chains, each checked against what the device was given.

extension SplitQueue {
    @inline(__always)
    public var hasUsed: Bool { usedIndexWord.load() != lastUsed && !isBroken }

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
        lastUsed &+= 1
        return used(entry.head, entry.length)
    }

    /// The next entry of the used ring that names a chain which is out. Those that name none are passed.
    @inline(__always)
    private mutating func nextUsed() -> (head: UInt16, length: UInt32)? {
        while true {
            if lastUsed == knownUsed {
                // Once for all that the device has used meanwhile.
                let published = usedIndexWord.load()
                guard published != lastUsed, !isBroken else { return nil }
                guard published &- lastUsed <= size else {
                    isBroken = true
                    return nil
                }
                memory.orderLoads()  // the index before the entries it publishes
                knownUsed = published
            }
            let id = usedRing.load32(Int(lastUsed), UsedEntry.id)
            let length = usedRing.load32(Int(lastUsed), UsedEntry.length)
            if id < UInt32(size), records[UInt16(truncatingIfNeeded: id)].places != 0 {
                return (UInt16(truncatingIfNeeded: id), length)
            }
            badUsedIDs += 1
            lastUsed &+= 1
            // Which chains a batch had, only its true last one would say.
            if isInOrder { isBroken = true }
        }
    }

    /// The next chain of a batch. Each takes an entry of the used ring, the last one's lies where the first one's would.
    @inline(never)
    private mutating func popBatch() -> UsedChain? {
        if !batch.isOpen {
            guard let entry = nextUsed() else { return nil }
            batch = UsedBatch(isOpen: true, last: entry.head, length: entry.length)
        }
        guard usedIndexWord.load() != lastUsed, !isBroken else {
            // The batch has more chains than the index was moved by.
            if !isBroken { badUsedIDs += 1 }
            isBroken = true
            return nil
        }
        let head = nextHead
        batch.isOpen = head != batch.last
        lastUsed &+= 1
        knownUsed = lastUsed
        nextHead = (head &+ records[head].places) & (size &- 1)
        let used = used(head, batch.isOpen ? records[head].writable : batch.length)
        records[head].places = 0
        freeCount &+= used.count
        return used
    }

    /// A chain that is back, with what the device claims to have written.
    @inline(__always)
    private mutating func used(_ head: UInt16, _ claimed: UInt32) -> UsedChain {
        let writable = records[head].writable
        if claimed > writable { badUsedLengths += 1 }
        return UsedChain(
            head: head, length: min(claimed, writable), isLengthFalse: claimed > writable, count: records[head].places)
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
        precondition(used.count == 1 && renewsChains, "a chain of several descriptors was renewed")
        descriptors.store64(address, Int(used.head), VirtqueueDescriptor.address)
        let flags: DescriptorFlags = direction == .deviceWrites ? .write : []
        descriptors.store64(
            VirtqueueDescriptor.word(length: byteCount, flags: flags, next: 0), Int(used.head),
            VirtqueueDescriptor.lengthFlagsNext)
        if direction == .deviceWrites { records[used.head].writable = byteCount }
        makeAvailable(used.head)
    }

    /// The descriptor says this already: a device writes to none of a split queue.
    @inline(__always)
    public mutating func repeatChain(
        _ used: UsedChain, _ buffer: @autoclosure () -> DMABuffer<Memory>, _ direction: DMADirection
    ) {
        precondition(used.count == 1 && renewsChains, "a chain of several descriptors was repeated")
        makeAvailable(used.head)
    }

    public func descriptor(after number: UInt16) -> UInt16 { records[number].next }

    public var isAllBack: Bool { Int16(bitPattern: lastUsed &- availableIndex) >= 0 }

    public mutating func breakOff() { isBroken = true }

    public var chainsOut: UInt16 { availableIndex &- lastUsed }
}

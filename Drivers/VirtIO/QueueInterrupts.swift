// When a device interrupts for a queue, and when it keeps silent (VirtIO 1.2, sections 2.7.7, 2.7.10 and 2.8.10).

extension SplitQueue {
    public var interruptMask: VirtqueueInterruptMask<Memory> { VirtqueueInterruptMask(word: availableFlags) }

    /// With the event index, silence is an index so far away that it is passed once in 32,768 chains.
    @inline(__always)
    public func maskInterrupts() {
        if usesEventIndex { usedEvent.store(lastUsed &+ 0x8000) } else { interruptMask.set(masked: true) }
    }

    @inline(__always)
    public func unmaskInterrupts(after chains: UInt16) -> Bool {
        // used_event: the device interrupts when it has used this entry.
        if usesEventIndex { usedEvent.store(lastUsed &+ chains) } else { interruptMask.set(masked: false) }
        memory.orderAll()  // the flag before the last look
        return usedIndexWord.load() &- lastUsed > (usesEventIndex ? chains : 0) && !isBroken
    }
}

extension PackedQueue {
    /// ENABLE and DISABLE have the values of a split queue's flag.
    public var interruptMask: VirtqueueInterruptMask<Memory> { VirtqueueInterruptMask(word: driverFlags) }

    @inline(__always)
    public func maskInterrupts() { interruptMask.set(masked: true) }

    /// With the event index the device interrupts when it passes the place so many descriptors further: sooner than
    /// wanted where chains take several.
    @inline(__always)
    public func unmaskInterrupts(after chains: UInt16) -> Bool {
        guard usesEventIndex else {
            interruptMask.set(masked: false)
            memory.orderAll()  // the flag before the last look
            return hasUsed
        }
        let position = usedPosition &+ chains
        driverEvent.store(position & (size &- 1) | (wraps(position) ? PackedEvent.wrapBit : 0))
        memory.orderStores()  // the place before the flags that speak of it
        driverFlags.store(PackedEvent.descriptor)
        memory.orderAll()  // the flags before the last look
        // Where chains take several places, or are given back in batches, the used one that passed it may lie before it.
        let isExact = availablePosition &- usedPosition == chainsOut && !isInOrder
        return isExact ? flags(position) == used(position) && !isBroken : hasUsed
    }
}

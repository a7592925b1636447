// The heap under Array and class instances: blocks in sizes of powers of two, a list of free ones for each size, memory
// from sbrk. Each block has 16 bytes before it that hold its size class, so that free knows its list.

import SystemInterface

private let headerSize: UInt = 16
private let smallestClass = 5  // blocks of 32 bytes, header included
private let classCount = 40
/// Small blocks are cut from pieces of this size.
private let chunkSize: UInt = 16 << 10

private struct HeapState {
    var free = [40 of UInt](repeating: 0)
    var next: UInt = 0
    var end: UInt = 0

    /// `bytes` fresh bytes, 16-byte aligned; 0 when there is no memory.
    mutating func fresh(_ bytes: UInt) -> UInt {
        if end - next < bytes {
            let wanted = max(chunkSize, (bytes + 4095) & ~4095)
            guard wanted <= UInt(Int32.max) else { return 0 }
            do throws(SystemError) {
                let start = try System.moveBreak(by: Int32(wanted))
                if start != end {
                    // Not behind the last piece (the first one, or the program moved the break itself): begin anew.
                    next = (start + 15) & ~15
                }
                end = start + wanted
            } catch {
                return 0
            }
            guard end - next >= bytes else { return fresh(bytes) }
        }
        defer { next += bytes }
        return next
    }
}

nonisolated(unsafe) private var heap = HeapState()  // a program has one thread

/// posix_memalign, under another name for the reason that start.S gives. 0, or 12 (ENOMEM).
@c(heap_allocate) public func heapAllocate(
    _ result: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: UInt, _ size: UInt
) -> Int32 {
    // Every block is 16-byte aligned; what wants more gets a larger block and a place inside it that is.
    let extra = alignment > 16 ? alignment : 0
    guard size < 1 << 31 else { return 12 }
    let total = size + headerSize + extra
    let sizeClass = max(smallestClass, UInt.bitWidth - (total - 1).leadingZeroBitCount)
    // From here on: a program has one thread, and blocks and their headers lie in memory that the kernel gave to this
    // heap.
    var block = unsafe heap.free[sizeClass]
    if block != 0 {
        unsafe heap.free[sizeClass] = UnsafePointer<UInt>(bitPattern: block).unsafelyUnwrapped.pointee
    } else {
        block = unsafe heap.fresh(1 << UInt(sizeClass))  // one thread
        guard block != 0 else { return 12 }
    }
    var address = block + headerSize
    if extra > 0 { address = (address + alignment - 1) & ~(alignment - 1) }
    // The header lies within the block, before the address.
    let header = unsafe UnsafeMutablePointer<UInt>(bitPattern: address - headerSize).unsafelyUnwrapped
    unsafe header[0] = UInt(sizeClass)
    unsafe header[1] = block
    unsafe result.pointee = UnsafeMutableRawPointer(bitPattern: address)  // the caller's place for the result
    return 0
}

/// free.
@c(heap_free) public func heapFree(_ pointer: UnsafeMutableRawPointer?) {
    // A program has one thread, and the pointer came from heapAllocate, which put a header before it.
    guard let pointer = unsafe pointer else { return }
    let header = unsafe UnsafePointer<UInt>(bitPattern: UInt(bitPattern: pointer) - headerSize).unsafelyUnwrapped
    let sizeClass = unsafe Int(header[0])
    let block = unsafe UnsafeMutablePointer<UInt>(bitPattern: header[1]).unsafelyUnwrapped
    // The freed block's first word is the list's link.
    unsafe block.pointee = heap.free[sizeClass]
    unsafe heap.free[sizeClass] = UInt(bitPattern: block)
}

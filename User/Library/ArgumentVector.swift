// The arguments of a program that is executed.

/// argv in memory of its own: pointers, a NULL, and the strings that they point to.
@safe
public struct ArgumentVector: ~Copyable {
    private let memory: UnsafeMutableRawBufferPointer

    /// - Parameter words: the arguments, the program's name first, without NULs.
    public init(_ words: [[UInt8]]) {
        let pointers = (words.count + 1) * MemoryLayout<UInt>.stride
        let byteCount = words.reduce(pointers) { $0 + $1.count + 1 }
        // Zeroed: the NULL and the NULs are there already. Everything is stored within what is allocated here.
        unsafe memory = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 16)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
        var place = pointers
        for (index, word) in words.enumerated() {
            // Within what was allocated: its size is the sum of these.
            let address = unsafe UInt(bitPattern: memory.baseAddress) + UInt(place)
            unsafe memory.storeBytes(of: address, toByteOffset: index * MemoryLayout<UInt>.stride, as: UInt.self)
            for byte in word {
                unsafe memory[place] = byte
                place += 1
            }
            place += 1
        }
    }

    deinit { unsafe memory.deallocate() }  // the only owner goes

    /// Of the first pointer.
    var address: UInt { unsafe UInt(bitPattern: memory.baseAddress) }
}

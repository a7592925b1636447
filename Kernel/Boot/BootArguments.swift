// The boot arguments (QEMU's -append), word by word: the kernel looks at some, and /init gets all of them as its arguments.

enum BootArguments {
    /// In the copy of the device tree, which stays for ever.
    nonisolated(unsafe) static var text = UnsafeBufferPointer<UInt8>(start: nil, count: 0)

    /// Calls `body` with each word: what stands between spaces.
    @inline(never)
    static func forEachWord(_ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        var start = 0
        for index in 0...text.count where index == text.count || text[index] == 0x20 || text[index] == 0 {
            if index > start { body(UnsafeBufferPointer(rebasing: text[start..<index])) }
            start = index + 1
        }
    }
}

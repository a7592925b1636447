// The boot arguments (QEMU's -append), word by word: the kernel looks at some, and /init gets all of them as its
// arguments.

import Storage

enum BootArguments {
    private static let text = BootTable<UInt8>()

    /// Keeps a copy of the text. Once, during start-up.
    static func start(_ bytes: RawSpan) { text.start(bytes.byteCount) { bytes.littleEndian($0, as: UInt8.self) } }

    /// The whole text.
    @_lifetime(immortal)
    static func bytes() -> RawSpan {
        guard text.count > 0 else { return RawSpan() }
        // The table stays for ever.
        return unsafe _overrideLifetime(
            RawSpan(
                _unsafeStart: UnsafeRawPointer(bitPattern: text.ref(0).bits).unsafelyUnwrapped, byteCount: text.count),
            copying: ())
    }

    /// Calls `body` with each word: what stands between spaces.
    @inline(never)
    static func forEachWord(_ body: (RawSpan) -> Void) {
        var start = 0
        for index in 0...text.count where index == text.count || text[index] == 0x20 || text[index] == 0 {
            if index > start { body(bytes().extracting(start..<index)) }
            start = index + 1
        }
    }
}

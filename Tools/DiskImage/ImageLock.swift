// The lock of a disk image, as QEMU takes it (block/file-posix.c): a running guest and a host tool never have one open
// at the same time, unless both only read.

import Foundation

/// Locks of single bytes of the image, which belong to the open file description and end with it. A byte says nothing
/// about what is stored there: byte 100 + p is held for reading by each that does p, byte 200 + p by each that shares p
/// with no other, where p is 0 for reading, 1 for writing and 3 for a change of size.
enum ImageLock {
    private static let reads: off_t = 100
    private static let writes: off_t = 101
    private static let resizes: off_t = 103
    private static let keepsWritersOut: off_t = 201
    private static let keepsResizersOut: off_t = 203
    private static let all: (start: off_t, count: off_t) = (100, 200)

    // Of <fcntl.h>, whose names for them Foundation does not pass on.
    #if os(Linux)
        private static let askForLock: Int32 = 36  // F_OFD_GETLK
        private static let takeLock: Int32 = 37  // F_OFD_SETLK
    #else
        private static let askForLock: Int32 = 92
        private static let takeLock: Int32 = 90
    #endif

    /// Takes the lock of an image: for writing all bytes, against everyone; for reading those that keep writers out.
    /// - Throws: `ImageInUse` when a guest or a tool stands against it. A file system without locks is no error: QEMU
    ///   has none there either.
    static func take(_ descriptor: Int32, _ path: String, writable: Bool) throws {
        if writable { return try lock(descriptor, path, F_WRLCK, all.start, all.count) }
        for byte in [reads, keepsWritersOut, keepsResizersOut] { try lock(descriptor, path, F_RDLCK, byte, 1) }
        // Only now: who comes later sees the locks above.
        for byte in [writes, resizes] {
            var held = region(F_WRLCK, byte, 1)
            if unsafe fcntl(descriptor, askForLock, &held) == 0,  // a variable's own place
                held.l_type != Int16(F_UNLCK)
            {
                throw ImageInUse(path)
            }
        }
    }

    private static func lock(_ descriptor: Int32, _ path: String, _ type: Int32, _ start: off_t, _ count: off_t) throws
    {
        var wanted = region(type, start, count)
        guard unsafe fcntl(descriptor, takeLock, &wanted) != 0 else { return }  // a variable's own place
        if errno == EAGAIN || errno == EACCES { throw ImageInUse(path) }
    }

    private static func region(_ type: Int32, _ start: off_t, _ count: off_t) -> flock {
        var region = flock()
        region.l_type = Int16(type)
        region.l_whence = Int16(SEEK_SET)
        region.l_start = start
        region.l_len = count
        return region
    }
}

/// The image is open in a running guest or another tool, and was left as it is.
public struct ImageInUse: Error, CustomStringConvertible {
    public let description: String

    init(_ path: String) { description = "\(path): in use by a running guest or another tool" }
}

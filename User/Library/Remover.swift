// Removes everything below a directory: for tests, which leave nothing behind.

import SystemInterface

public enum Remover {
    /// Empties a directory, however deep it is. What cannot be removed stays.
    public static func empty(_ path: Path) {
        for name in list(path) {
            let victim = path.appending(name)
            do throws(SystemError) {
                try System.unlink(victim)
            } catch .directoryNotEmpty {
                emptyFromWithin(victim)
            } catch {}
        }
    }

    /// Paths are at most 127 bytes long: a deep tree is removed by a child that steps into it.
    private static func emptyFromWithin(_ directory: Path) {
        do throws(SystemError) {
            let pid = try System.fork()
            if pid == 0 {
                do throws(SystemError) { try System.changeDirectory(directory) } catch { System.exit(1) }
                empty(".")
                System.exit(0)
            }
            while try System.wait().pid != pid {}
            try System.unlink(directory)
        } catch {}
    }

    private static func list(_ path: Path) -> [[UInt8]] {
        do throws(SystemError) {
            let directory = try System.open(path)
            var reader = DirectoryReader(directory)
            let names = try reader.all()
            try System.close(directory)
            return names
        } catch {
            return []
        }
    }
}

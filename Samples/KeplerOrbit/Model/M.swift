import Heterodyne

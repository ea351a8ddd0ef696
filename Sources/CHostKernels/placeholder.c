typedef int hk_placeholder;
